import functools

import numpy as np
import pytest
import torch

from model import segmenters
from model.prompting.base import SegPrompts
from model.segmenters.base import Features
from model.segmenters.sam import Model, Options

TINY = Options(64, 8, 32, 2, 2, 4, (1,), prompt_size=16, decoder_heads=2, decoder_mlp=32)
SIZE = (30, 50)


@functools.lru_cache
def sam():
    torch.manual_seed(0)
    return Model(TINY).eval()


@functools.lru_cache
def features():
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    with torch.no_grad():
        return sam().encode(sam().prepare(image)[None], [SIZE])[0]


def prompts(count, seed=0):
    torch.manual_seed(seed)
    return SegPrompts(
        embeddings=torch.randn(count, 1, 16),
        points=torch.rand(count, 3, 2) * torch.tensor([SIZE[1], SIZE[0]]),
        labels=torch.randint(-1, 2, (count, 3)),
        mask=torch.randn(count, 1, 32, 32),
        boxes=torch.tensor([[5.0, 5.0, 30.0, 20.0]]).repeat(count, 1),
    )


def test_families_are_found_by_name():
    assert segmenters.available() == ["sam", "sam2", "sam3_tracker"]
    assert segmenters.load("sam").Model is Model
    with pytest.raises(ValueError, match="did you mean 'sam'"):
        segmenters.load("san")


def test_vit_h_has_the_parameters_of_the_released_checkpoint():
    with torch.device("meta"):
        model = Model(Options())
    assert sum(p.numel() for p in model.parameters()) == 641_090_608
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert {name.split(".")[0] for name in shapes} == {"image_encoder", "prompt_encoder", "mask_decoder"}
    published = {
        "image_encoder.pos_embed": (1, 64, 64, 1280),
        "image_encoder.patch_embed.proj.weight": (1280, 3, 16, 16),
        "image_encoder.blocks.0.attn.qkv.weight": (3840, 1280),
        "image_encoder.blocks.0.attn.rel_pos_h": (27, 80),  # a window of 14
        "image_encoder.blocks.31.attn.rel_pos_w": (127, 80),  # the whole grid of 64
        "image_encoder.blocks.31.mlp.lin1.weight": (5120, 1280),
        "image_encoder.neck.2.weight": (256, 256, 3, 3),
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, 128),
        "prompt_encoder.point_embeddings.3.weight": (1, 256),
        "prompt_encoder.not_a_point_embed.weight": (1, 256),
        "prompt_encoder.no_mask_embed.weight": (1, 256),
        "prompt_encoder.mask_downscaling.6.weight": (256, 16, 1, 1),
        "mask_decoder.iou_token.weight": (1, 256),
        "mask_decoder.mask_tokens.weight": (4, 256),
        "mask_decoder.transformer.layers.1.cross_attn_token_to_image.q_proj.weight": (128, 256),
        "mask_decoder.output_hypernetworks_mlps.3.layers.2.weight": (32, 256),
        "mask_decoder.iou_prediction_head.layers.2.weight": (4, 256),
    }
    assert published == {name: shapes.get(name) for name in published}


def test_a_picture_is_fitted_above_and_to_the_left_with_zero_padding():
    image = np.full((*SIZE, 3), 200, dtype=np.uint8)
    prepared = sam().prepare(image)
    assert prepared.shape == (3, 64, 64) and prepared.dtype == torch.uint8
    assert (prepared[:, :38] == 200).all() and (prepared[:, 38:] == 0).all()  # 30 * 64 / 50 = 38.4
    seen = []
    handle = sam().image_encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    sam().encode(prepared[None], [SIZE])
    handle.remove()
    expected = (200 - torch.tensor([123.675, 116.28, 103.53])) / torch.tensor([58.395, 57.12, 57.375])
    assert torch.allclose(seen[0][0, :, 10, 10], expected)
    assert not seen[0][0, :, 38:].any()


def test_images_are_encoded_together_as_alone():
    sizes = [(30, 50), (50, 30), (64, 64)]
    make = np.random.default_rng(1)
    prepared = torch.stack([sam().prepare(make.integers(0, 256, (*s, 3), dtype=np.uint8)) for s in sizes])
    with torch.no_grad():
        together = sam().encode(prepared, sizes)
        for row, size in enumerate(sizes):
            alone = sam().encode(prepared[row : row + 1], [size])[0]
            assert alone.tensor.shape == (1, 16, 8, 8)
            assert torch.allclose(alone.tensor, together[row].tensor, atol=1e-5)
            assert alone.frame == together[row].frame and alone.frame.source == size


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("parts", [("embeddings",), ("points", "labels"), ("mask",), ("boxes",), None])
def test_prompts_are_decoded_together_as_alone(parts, multimask):
    whole = prompts(4)
    if parts:
        whole = SegPrompts(**{name: getattr(whole, name) for name in parts})
    with torch.no_grad():
        together = sam().decode(features(), whole, multimask)
        count = 3 if multimask else 1
        assert together.low.shape == (4, count, 32, 32) and together.iou.shape == (4, count)
        for row in range(4):
            alone = sam().decode(features(), whole.select(torch.tensor([row])), multimask)
            assert torch.allclose(alone.low[0], together.low[row], atol=1e-4)
            assert torch.allclose(alone.iou[0], together.iou[row], atol=1e-5)
    spread = (together.low[0] - together.low[1]).abs().max()
    assert spread > 0 or parts == ("boxes",), "prompts that differ make masks that differ"


def test_masks_in_lots_are_those_of_one_lot(monkeypatch):
    with torch.no_grad():
        whole = sam().decode(features(), prompts(5))
        monkeypatch.setattr("model.segmenters.sam.CELLS", 2 * sam().grid ** 2)
        sizes = []
        keep = sam().mask_decoder.register_forward_pre_hook(
            lambda _, args, given: sizes.append(len(given["sparse_prompt_embeddings"])), with_kwargs=True
        )
        lots = sam().decode(features(), prompts(5))
        keep.remove()
    assert sizes == [2, 2, 1]
    assert torch.allclose(lots.low, whole.low, atol=1e-4) and torch.allclose(lots.iou, whole.iou, atol=1e-5)


@pytest.mark.parametrize("multimask", [False, True])
def test_no_masks_asked_for_give_none(multimask):
    made = sam().decode(features(), prompts(0), multimask)
    count = 3 if multimask else 1
    assert made.low.shape == (0, count, 32, 32) and made.iou.shape == (0, count)
    assert sam().upscale(made.low, features()).shape == (0, count, *SIZE)


def test_nothing_to_prompt_with_is_refused():
    with pytest.raises(ValueError, match="nothing to prompt"):
        sam().decode(features(), SegPrompts())


def test_a_point_is_encoded_at_its_pixel_s_centre():
    """SAM's own encoder adds half a pixel to input pixels; an original (9, 4) has its centre at (9.5, 4.5)."""
    given = SegPrompts(points=torch.tensor([[[9.0, 4.0]]]), labels=torch.tensor([[1]]))
    frame = features().frame
    sparse, _ = sam().embed(frame, given)
    encoder = sam().prompt_encoder
    corner = torch.tensor([9.5 * frame.scale[0], 4.5 * frame.scale[1]]) / 64  # in [0, 1] of the input
    waves = 2 * np.pi * ((2 * corner - 1) @ encoder.pe_layer.positional_encoding_gaussian_matrix)
    expected = torch.cat([waves.sin(), waves.cos()]) + encoder.point_embeddings[1].weight[0]
    assert torch.allclose(sparse[0, 0], expected, atol=1e-4)


def test_embeddings_come_last_and_padding_is_no_place():
    one = SegPrompts(points=torch.tensor([[[9.0, 4.0]]]), labels=torch.tensor([[-1]]), embeddings=torch.ones(1, 1, 16))
    other = SegPrompts(points=torch.tensor([[[30.0, 2.0]]]), labels=torch.tensor([[-1]]), embeddings=one.embeddings)
    first, _ = sam().embed(features().frame, one)
    second, _ = sam().embed(features().frame, other)
    assert torch.equal(first, second)
    assert torch.equal(first[0, -1], torch.ones(16))


@pytest.mark.parametrize("size", [(30, 50), (50, 30), (64, 64), (480, 640), (24, 240), (240, 24)])
def test_a_blob_is_upscaled_to_its_own_pixels(size):
    frame = sam().frame(size)
    truth = torch.zeros(size)
    truth[size[0] // 4 : size[0] // 2, size[1] // 2 : size[1] * 3 // 4] = 1
    low = sam().mask_frame(size).map_to(truth)[None, None] - 0.5
    made = sam().upscale(low, Features(torch.zeros(1, 16, 8, 8), frame))
    assert made.shape == (1, 1, *size)
    found = made[0, 0] > 0
    wrong = (found != truth.bool()).nonzero()
    cell = max(size) / 32  # original pixels a cell of the mask frame
    top, left = size[0] // 4, size[1] // 2
    bottom, right = size[0] // 2, size[1] * 3 // 4
    for y, x in wrong.tolist():
        gap_y = min(abs(y + 0.5 - top), abs(y + 0.5 - bottom))
        gap_x = min(abs(x + 0.5 - left), abs(x + 0.5 - right))
        assert min(gap_y, gap_x) <= 0.75 * cell, "wrong only along the outline, by less than a cell"
    if min(size) >= 30:
        assert (found & truth.bool()).sum() / (found | truth.bool()).sum() > 0.75
        centre = found.nonzero().float().mean(dim=0) - truth.nonzero().float().mean(dim=0)
        assert centre.abs().max() < 0.5 * cell
