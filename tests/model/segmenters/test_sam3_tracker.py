import copy
import functools

import pytest
import torch
from transformers import Sam3TrackerModel, Sam3VideoConfig, Sam3VideoModel

from model import segmenters
from model.prompting.base import SegPrompts
from model.segmenters._sam2 import unpacked
from model.segmenters.sam3_tracker import MEAN, STD, Model, Options, configured, from_hub
from tests.model.segmenters.prompted import PARTS, SIZE, by_hand, picture, prompts, shaken

TINY = Options(
    input_size=64,
    patch_size=8,
    width=32,
    depth=2,
    heads=2,
    mlp=48,
    window=4,
    global_layers=(1,),
    pretrained=32,
    prompt_size=16,
    decoder_heads=2,
    decoder_mlp=32,
)


@functools.lru_cache
def stock():
    return shaken(Sam3TrackerModel(configured(TINY)))


@functools.lru_cache
def sam3():
    return Model(TINY, copy.deepcopy(stock())).eval()


@functools.lru_cache
def features():
    with torch.no_grad():
        return sam3().encode(sam3().prepare(picture())[None], [SIZE])[0]


def given(count, parts=None):
    return prompts(count, 16, 32, parts)


def test_it_is_found_by_name():
    assert segmenters.load("sam3_tracker").Model is Model


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("kind", PARTS)
def test_masks_are_those_of_the_stock_forward(kind, multimask):
    asked = given(3, PARTS[kind])
    low, iou = by_hand(stock(), picture(), asked, 64, MEAN, STD, multimask)
    with torch.no_grad():
        made = sam3().decode(features(), asked, multimask)
    assert made.low.shape == low.shape == (3, 3 if multimask else 1, 32, 32)
    assert (made.low - low).abs().max() < 1e-5 * low.abs().max() and (made.iou - iou).abs().max() < 1e-5


@pytest.mark.parametrize("parts", [("embeddings",), None])
def test_prompts_are_decoded_together_as_alone(parts):
    whole = given(3, parts)
    with torch.no_grad():
        together = sam3().decode(features(), whole)
        for row in range(3):
            alone = sam3().decode(features(), whole.select(torch.tensor([row])))
            assert torch.allclose(alone.low[0], together.low[row], atol=1e-4)


def test_gradients_reach_the_decoder_and_an_embedding_with_the_encoder_at_rest():
    model = copy.deepcopy(sam3()).train()
    with torch.no_grad():
        encoded = model.encode(model.prepare(picture())[None], [SIZE])[0]
    asked = given(2)
    asked.embeddings.requires_grad_()
    model.decode(encoded, asked).low.square().mean().backward()
    assert asked.embeddings.grad.abs().sum() > 0
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {name.split(".")[0] for name in moved} == {"prompt_encoder", "mask_decoder"}


def test_every_parameter_of_the_encoder_takes_part():
    """One that does not would stall processes that wait for its gradient: the detector's level is left out."""
    model = copy.deepcopy(sam3()).train()
    encoded = model.encode(model.prepare(picture())[None], [SIZE])[0]
    encoded.tensor.square().sum().backward()
    assert [name for name, p in model.image_encoder.named_parameters() if p.grad is None] == []


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A whole SAM 3 as the hub has it, detector, words and tracker, at the smallest sizes."""
    parts = configured(TINY).to_dict()
    vision = {**parts["vision_config"], "scale_factors": [4.0, 2.0, 1.0, 0.5]}
    small = {"hidden_size": 16, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    words = {
        "vocab_size": 32, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "projection_dim": 16, "max_position_embeddings": 8,
    }  # fmt: skip
    config = Sam3VideoConfig(
        detector_config={
            "model_type": "sam3",
            "vision_config": vision,
            "text_config": {"model_type": "clip_text_model", **words},
            "geometry_encoder_config": small,
            "detr_encoder_config": small,
            "detr_decoder_config": {**small, "num_queries": 4},
            "mask_decoder_config": {"hidden_size": 16, "num_attention_heads": 2},
        },
        tracker_config={
            "model_type": "sam3_tracker_video",
            "image_size": 64,
            "vision_config": vision,
            "prompt_encoder_config": parts["prompt_encoder_config"],
            "mask_decoder_config": parts["mask_decoder_config"],
            "memory_attention_hidden_size": 16,
            "memory_attention_feed_forward_hidden_size": 16,
            "memory_attention_num_layers": 1,
            "memory_encoder_hidden_size": 16,
            "memory_encoder_output_channels": 8,
            "mask_downsampler_embed_dim": 16,
            "memory_fuser_embed_dim": 16,
            "memory_fuser_intermediate_dim": 16,
        },
    )
    folder = tmp_path_factory.mktemp("sam3")
    whole = shaken(Sam3VideoModel(config))
    whole.save_pretrained(folder)
    return folder, whole


def test_the_tracker_of_a_released_folder_is_read(released):
    folder, whole = released
    made = from_hub(folder).eval()
    assert made.options == TINY
    tracker = whole.tracker_model
    assert torch.equal(made.mask_decoder.mask_tokens.weight, tracker.mask_decoder.mask_tokens.weight)
    with torch.no_grad():
        encoded = made.encode(made.prepare(picture())[None], [SIZE])[0]
        pixels = made.prepare(picture())[None].float() / 127.5 - 1
        seen = whole.detector_model.vision_encoder.backbone(pixels).last_hidden_state
        levels, _ = whole.tracker_neck(seen.view(1, 8, 8, -1).permute(0, 3, 1, 2))
    coarse, middle, fine = unpacked(encoded.tensor, 16)
    # The video model adds "no earlier frame" to the coarsest level in use
    expected = (
        (coarse, levels[2] + tracker.no_memory_embedding.view(1, -1, 1, 1)),
        (middle, tracker.mask_decoder.conv_s1(levels[1])),
        (fine, tracker.mask_decoder.conv_s0(levels[0])),
    )
    for mine, theirs in expected:
        assert (mine - theirs).abs().max() < 1e-5 * theirs.abs().max()


def test_nothing_to_prompt_with_and_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="nothing to prompt"):
        sam3().decode(features(), SegPrompts())
    with pytest.raises(ValueError, match="multiples of patch_size 14"):
        Options(input_size=1000)


def test_the_released_sizes_make_the_shapes_that_they_should():
    with torch.device("meta"):
        model = Model(Options())
        encoded = model.encode(torch.empty(1, 3, 1008, 1008), [(480, 640)])[0]
        assert encoded.tensor.shape == (1, 1024, 72, 72)
        masks = model.decode(encoded, prompts(2, 256, 288).on("meta"), multimask=True)
    assert masks.low.shape == (2, 3, 288, 288) and masks.iou.shape == (2, 3)
