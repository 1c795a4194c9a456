"""Attention for CPUs against torch's own, and in a whole training pass."""

from types import SimpleNamespace

import pytest
import torch

from model.backbones._attention import PRODUCTS, additive, products
from tests.model.backbones.test_llava import TALKS, backbone, batch, picture  # noqa: F401

MODULE = SimpleNamespace(training=True)


@pytest.mark.parametrize("groups", [4, 2])
@pytest.mark.parametrize("added", [False, True])
def test_products_equal_torch_s_attention(groups, added):
    torch.manual_seed(0)
    query = torch.randn(2, 4, 7, 8)
    key, value = torch.randn(2, groups, 9, 8), torch.randn(2, groups, 9, 8)
    seen = torch.rand(2, 1, 7, 9) > 0.4
    seen[..., 0] = True
    mask = additive(seen, torch.float32) if added else seen
    mine, weights = products(MODULE, query, key, value, mask, 8**-0.5)
    theirs = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, enable_gqa=True)
    assert weights is None
    torch.testing.assert_close(mine, theirs.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_without_a_mask_all_is_seen():
    query, key, value = torch.randn(3, 1, 2, 5, 4)
    mine, _ = products(MODULE, query, key, value, None, 0.5)
    theirs = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(mine, theirs.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_training_reads_the_same_as_use(backbone):  # noqa: F811
    given = batch(backbone, [picture(0), picture(1)], [TALKS, TALKS[:1]])
    text = backbone.llava.model.language_model
    try:
        used = backbone.eval()(given)
        assert text.config._attn_implementation == "sdpa"
        trained = backbone.train()(given)
        assert text.config._attn_implementation == PRODUCTS
    finally:
        backbone.eval()
    torch.testing.assert_close(trained.logits, used.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(trained.traces[0].marks, used.traces[0].marks, atol=1e-4, rtol=1e-4)


def test_a_row_in_half_precision_is_computed_in_it():
    query, key, value = torch.randn(3, 1, 2, 5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made, _ = products(MODULE, query, key, value, None, 0.5)
    assert made.dtype == torch.bfloat16


def test_packed_conversations_are_refused_by_a_kernel_that_takes_no_mask(backbone):  # noqa: F811
    given = batch(backbone, [picture(0)], [TALKS])
    backbone.llava.model.language_model.config._attn_implementation = "flash_attention_2"
    try:
        with pytest.raises(ValueError, match="use sdpa"):
            backbone(given)
    finally:
        backbone.attend("sdpa")
    assert backbone(given).logits.isfinite().all()
