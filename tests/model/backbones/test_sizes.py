"""The presets of the released backbones at full size, on the meta device: names, shapes, and how many numbers the
releases have."""

import pytest
import torch

from data.settings import build
from model import backbones, config
from tests import families

# Parameters as the hub counts Qwen's, a head that is the embedding once; LLaVA's by hand, from the sizes of CLIP
# (303,507,456), projector, Vicuna with 32064 words, and the end of a line.
RELEASED = {
    "qwen2.5-vl-3b": 3_754_622_976,
    "qwen2.5-vl-7b": 8_292_166_656,
    "qwen3-vl-4b": 4_437_815_808,
    "qwen3-vl-8b": 8_767_123_696,
    "llava-1.6-7b": 7_063_431_168,
    "llava-1.6-13b": 13_351_499_776,
}
WIDTHS = {
    "qwen2.5-vl-3b": {"model.language_model.layers.35.self_attn.k_proj.weight": (2 * 128, 2048)},
    "qwen2.5-vl-7b": {"model.visual.blocks.31.mlp.gate_proj.weight": (3420, 1280), "lm_head.weight": (152064, 3584)},
    "qwen3-vl-4b": {
        "model.visual.deepstack_merger_list.2.linear_fc2.weight": (2560, 4096),
        "model.language_model.layers.35.self_attn.q_proj.weight": (32 * 128, 2560),
        "model.language_model.layers.35.self_attn.q_norm.weight": (128,),
    },
    "qwen3-vl-8b": {
        "model.visual.pos_embed.weight": (48 * 48, 1152),
        "model.visual.patch_embed.proj.weight": (1152, 3, 2, 16, 16),
        "lm_head.weight": (151936, 4096),
    },
    "llava-1.6-7b": {"model.image_newline": (4096,), "lm_head.weight": (32064, 4096)},
    "llava-1.6-13b": {"model.language_model.layers.39.mlp.up_proj.weight": (13824, 5120)},
}
GRIDS = {  # of a photograph of 480 x 640
    "qwen2.5-vl-3b": (17, 23),
    "qwen2.5-vl-7b": (17, 23),
    "qwen3-vl-4b": (15, 20),
    "qwen3-vl-8b": (15, 20),
    "llava-1.6-7b": (36, 48),
    "llava-1.6-13b": (36, 48),
}


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_full_size_has_the_released_names_and_shapes(name):
    chosen = config.preset(name)
    family = backbones.load(chosen.backbone.family)
    options = build(family.Options, chosen.backbone.options, name)
    with torch.device("meta"):
        network = family.build(options, families.chatml())
    backbone = family.Model(network, families.chatml(), options, lambda count: (count - 1,))
    parameters = dict(network.named_parameters())
    assert sum(p.numel() for p in parameters.values()) == RELEASED[name]
    assert {p.device.type for p in parameters.values()} == {"meta"}
    for key, shape in WIDTHS[name].items():
        assert parameters[key].shape == shape
    assert backbone.is_tied == (name in ("qwen2.5-vl-3b", "qwen3-vl-4b"))
    assert backbone.frame((480, 640)).target == GRIDS[name]
    assert max(backbone.tokens(size) for size in ((3000, 4000), (4000, 3000), (1000, 9000))) <= backbone.limit // 1.4
    assert config.preset(name).segmenter == config.preset("pinpoint").segmenter
