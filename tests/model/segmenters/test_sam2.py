import copy
import functools
import json

import pytest
import torch
from transformers import Sam2Model, Sam2VideoConfig, Sam2VideoModel

from model import segmenters
from model.prompting.base import SegPrompts
from model.segmenters.sam2 import MEAN, STD, Model, Options, configured, from_hub
from tests.model.segmenters.prompted import PARTS, SIZE, by_hand, picture, prompts, shaken
from train.features import FeatureCache

TINY = Options(
    input_size=64,
    width=8,
    heads=1,
    blocks=(1, 1, 2, 1),
    windows=(8, 4, 4, 2),
    global_layers=(3,),
    background=2,
    prompt_size=16,
    decoder_heads=2,
    decoder_mlp=32,
)
RELEASED = {  # sam2/configs/sam2.1/*.yaml of the authors
    "tiny": Options(width=96, heads=1, blocks=(1, 2, 7, 2), windows=(8, 4, 14, 7), global_layers=(5, 7, 9)),
    "small": Options(width=96, heads=1, blocks=(1, 2, 11, 2), windows=(8, 4, 14, 7), global_layers=(7, 10, 13)),
    "base-plus": Options(
        width=112, blocks=(2, 3, 16, 3), windows=(8, 4, 14, 7), global_layers=(12, 16, 20), background=14
    ),
    "large": Options(),
}


@functools.lru_cache
def stock():
    return shaken(Sam2Model(configured(TINY)))


@functools.lru_cache
def sam2():
    return Model(TINY, copy.deepcopy(stock())).eval()


@functools.lru_cache
def features():
    with torch.no_grad():
        return sam2().encode(sam2().prepare(picture())[None], [SIZE])[0]


def given(count, parts=None):
    return prompts(count, 16, 16, parts)


def test_it_is_found_by_name():
    assert "sam2" in segmenters.available() and segmenters.load("sam2").Model is Model


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("kind", PARTS)
def test_masks_are_those_of_the_stock_forward(kind, multimask):
    asked = given(3, PARTS[kind])
    low, iou = by_hand(stock(), picture(), asked, 64, MEAN, STD, multimask)
    with torch.no_grad():
        made = sam2().decode(features(), asked, multimask)
    assert made.low.shape == low.shape == (3, 3 if multimask else 1, 16, 16)
    assert (made.low - low).abs().max() < 1e-5 * low.abs().max() and (made.iou - iou).abs().max() < 1e-5
    assert (made.low[0] - made.low[1]).abs().max() > 5e-4 * low.abs().max(), "prompts that differ make other masks"


def test_features_are_those_of_the_stock_model_on_three_levels():
    prepared = sam2().prepare(picture())
    assert prepared.shape == (3, 64, 64) and prepared.dtype == torch.uint8
    pixels = (prepared.float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    from model.segmenters._sam2 import unpacked

    fine, middle, coarse = stock().get_image_embeddings(pixels[None])
    assert features().tensor.shape == (1, 64, 4, 4)
    for mine, theirs in zip(unpacked(features().tensor, 16), (coarse, middle, fine), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-4)


@pytest.mark.parametrize("parts", [("embeddings",), ("points", "labels"), ("mask",), ("boxes",), None])
def test_prompts_are_decoded_together_as_alone(parts):
    whole = given(5, parts)
    with torch.no_grad():
        together = sam2().decode(features(), whole)
        for row in range(5):
            alone = sam2().decode(features(), whole.select(torch.tensor([row])))
            assert torch.allclose(alone.low[0], together.low[row], atol=1e-4)
            assert torch.allclose(alone.iou[0], together.iou[row], atol=1e-5)


def test_masks_in_lots_are_those_of_one_lot(monkeypatch):
    with torch.no_grad():
        whole = sam2().decode(features(), given(5))
        monkeypatch.setattr("model.segmenters._sam2.CELLS", 2 * sam2().grid ** 2)
        lots = sam2().decode(features(), given(5))
    assert torch.allclose(lots.low, whole.low, atol=1e-4) and torch.allclose(lots.iou, whole.iou, atol=1e-5)


@pytest.mark.parametrize("multimask", [False, True])
def test_no_masks_asked_for_give_none(multimask):
    made = sam2().decode(features(), given(0), multimask)
    count = 3 if multimask else 1
    assert made.low.shape == (0, count, 16, 16) and made.iou.shape == (0, count)
    assert sam2().upscale(made.low, features()).shape == (0, count, *SIZE)


def test_nothing_to_prompt_with_is_refused():
    with pytest.raises(ValueError, match="nothing to prompt"):
        sam2().decode(features(), SegPrompts())


def test_embeddings_come_last_among_the_sparse_prompts():
    asked = given(2, ("points", "labels", "embeddings"))
    sparse, dense = sam2().embed(features().frame, asked)
    assert sparse.shape == (2, 3 + 1 + 1, 16) and dense.shape == (2, 16, 4, 4)  # the stock model pads by a point
    assert torch.equal(sparse[:, -1:], asked.embeddings)
    alone, _ = sam2().embed(features().frame, given(2, ("embeddings",)))
    none = sam2().prompt_encoder.not_a_point_embed.weight
    assert alone.shape == (2, 3, 16) and torch.equal(alone[:, 0], none.expand(2, 16))


def test_a_mask_prompt_beyond_the_predictor_s_range_counts_as_its_edge():
    asked = given(1, ("mask",))
    far, edge = SegPrompts(mask=100 * asked.mask.sign()), SegPrompts(mask=32 * asked.mask.sign())
    with torch.no_grad():
        assert torch.equal(sam2().decode(features(), far).low, sam2().decode(features(), edge).low)


def test_gradients_reach_the_decoder_and_an_embedding_with_the_encoder_at_rest():
    model = copy.deepcopy(sam2()).train()
    with torch.no_grad():
        encoded = model.encode(model.prepare(picture())[None], [SIZE])[0]
    asked = given(2)
    asked.embeddings.requires_grad_()
    asked.points.requires_grad_()
    asked.mask.requires_grad_()
    masks = model.decode(encoded, asked)
    (masks.low.square().mean() + masks.iou.sum()).backward()
    for tensor in (asked.embeddings, asked.points, asked.mask):
        assert tensor.grad is not None and tensor.grad.abs().sum() > 0
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {name.split(".")[0] for name in moved} == {"prompt_encoder", "mask_decoder"}
    silent = {n for n, p in model.mask_decoder.named_parameters() if p.grad is None}
    assert all(name.startswith("pred_obj_score_head") for name in silent), "no other part waits for a gradient"


def test_features_kept_in_bf16_draw_nearly_the_same(tmp_path):
    cache = FeatureCache(tmp_path, 10**8, sam2().encoder)
    prepared = sam2().prepare(picture())[None]
    with torch.no_grad():
        first = cache.encode(sam2(), prepared, [SIZE], ["a"])[0]
        again = cache.encode(sam2(), prepared, [SIZE], ["a"])[0]
        kept, whole = sam2().decode(again, given(2)), sam2().decode(features(), given(2))
    assert torch.equal(first.tensor, again.tensor) and again.frame == features().frame
    assert cache.get("a").shape == (64, 4, 4) and cache.get("a").dtype == torch.bfloat16
    assert (kept.low - whole.low).abs().max() < 0.05 * whole.low.abs().max()


def test_it_is_saved_and_loaded_as_a_part(tmp_path):
    import safetensors.torch

    from model import folders

    safetensors.torch.save_file(folders.stored(sam2(), None), tmp_path / "segmenter.safetensors")
    again = Model(TINY).eval()
    folders.load(again, tmp_path / "segmenter.safetensors")
    with torch.no_grad():
        encoded = again.encode(again.prepare(picture())[None], [SIZE])[0]
        assert torch.equal(again.decode(encoded, given(2)).low, sam2().decode(features(), given(2)).low)


@pytest.mark.parametrize("video", [False, True])
def test_a_released_folder_is_read(tmp_path, video):
    """The hub's folders hold the model for videos, whose parts for pictures have the same names."""
    if video:
        parts = configured(TINY).to_dict()
        names = ("vision_config", "prompt_encoder_config", "mask_decoder_config")
        held = shaken(Sam2VideoModel(Sam2VideoConfig(**{name: parts[name] for name in names}, image_size=64)))
    else:
        held = stock()
    held.save_pretrained(tmp_path)
    made = from_hub(tmp_path).eval()
    assert made.options == TINY
    asked = given(2, PARTS["points"])
    with torch.no_grad():
        encoded = made.encode(made.prepare(picture())[None], [SIZE])[0]
        mine = made.decode(encoded, asked)
    low, iou = by_hand(Sam2Model.from_pretrained(tmp_path).eval(), picture(), asked, 64, MEAN, STD, False)
    assert (mine.low - low).abs().max() < 1e-5 * low.abs().max() and (mine.iou - iou).abs().max() < 1e-5


def test_a_folder_of_another_kind_or_damaged_is_told_in_one_line(tmp_path):
    with pytest.raises(ValueError, match="missing or damaged"):
        from_hub(tmp_path)
    copy.deepcopy(stock()).save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    values["mask_decoder_config"]["attention_downsample_rate"] = 1
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"lacks weights|missing or damaged") as told:
        from_hub(tmp_path)
    assert "\n" not in str(told.value)


def test_another_way_to_embed_positions_is_refused(tmp_path):
    copy.deepcopy(stock()).save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    values["vision_config"]["fpn_top_down_levels"] = [3]
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="fpn_top_down_levels is \\[3\\], and this family has \\[2, 3\\]"):
        from_hub(tmp_path)


@pytest.mark.parametrize(("name", "millions"), [("tiny", 38.9), ("small", 46.0), ("base-plus", 80.8), ("large", 224.4)])
def test_released_sizes_make_the_shapes_that_they_should(name, millions):
    with torch.device("meta"):
        model = Model(RELEASED[name])
        encoded = model.encode(torch.empty(1, 3, 1024, 1024), [(480, 640)])[0]
        assert encoded.tensor.shape == (1, 1024, 64, 64)
        masks = model.decode(encoded, prompts(2, 256, 256).on("meta"), multimask=True)
        assert masks.low.shape == (2, 3, 256, 256) and masks.iou.shape == (2, 3)
    count = sum(parameter.numel() for parameter in model.parameters())
    # Of the released number the video's memory is not ours
    assert 0.8 * millions < count / 1e6 <= millions


@pytest.mark.parametrize("values", [{"input_size": 100}, {"blocks": (1, 2, 3)}])
def test_sizes_that_make_no_network_are_refused(values):
    with pytest.raises(ValueError, match="sam2: "):
        Options(**values)


@pytest.mark.parametrize("size", [(30, 50), (50, 30), (64, 64), (24, 240)])
def test_a_blob_is_upscaled_to_its_own_pixels(size):
    truth = torch.zeros(size)
    truth[size[0] // 4 : size[0] * 3 // 4, size[1] // 4 : size[1] * 3 // 4] = 1
    low = sam2().mask_frame(size).map_to(truth)[None, None] - 0.5
    with torch.no_grad():
        encoded = sam2().encode(sam2().prepare(picture(size=size))[None], [size])[0]
    found = sam2().upscale(low, encoded)[0, 0] > 0
    assert found.shape == size
    centre = found.nonzero().float().mean(dim=0) - truth.nonzero().float().mean(dim=0)
    assert (found & truth.bool()).sum() / (found | truth.bool()).sum() > 0.8 and centre.abs().max() < 0.6 * max(
        size
    ) / 16
