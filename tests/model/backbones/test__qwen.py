"""Both families of Qwen-VL against the stock network fed by its own processor: whatever the shape of a picture, packed,
cached or not."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from data.settings import build
from model import backbones
from model.grounding import GroundingModel
from model.predictor import Predictor
from tests import families, tiny
from tests.families import picture


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def model(request):
    return families.model(request.param)


@pytest.fixture(scope="module")
def backbone(model):
    return model.backbone


def processed(backbone, image: np.ndarray) -> dict[str, torch.Tensor]:
    """A picture as the released processor gives it."""
    vision, options = backbone.network.config.vision_config, backbone.options
    processor = Qwen2VLImageProcessorPil(
        patch_size=vision.patch_size,
        merge_size=vision.spatial_merge_size,
        size={"shortest_edge": options.min_pixels, "longest_edge": options.max_pixels},
        image_mean=list(options.mean),
        image_std=list(options.std),
    )
    return processor(image, return_tensors="pt")


def stock(backbone):
    """The stock network on one row of ids, nothing of ours: its own processor, grid and positions. Where the tower's
    earlier layers are added to a state, the stock network tells the state from before that."""

    def run(ids, image):
        given = processed(backbone, image)
        place = ids == backbone.image_id
        out = backbone.network(
            input_ids=ids[None],
            attention_mask=torch.ones_like(ids)[None],
            mm_token_type_ids=place[None].int(),
            output_hidden_states=True,
            use_cache=False,
            **given,
        )
        states = [states[0].clone() for states in out.hidden_states]
        seen = backbone.network.model.visual(given["pixel_values"], grid_thw=given["image_grid_thw"], return_dict=True)
        for layer, more in enumerate(getattr(seen, "deepstack_features", []), start=1):
            states[layer][place] += more
        return out.logits[0], states

    return run


def test_logits_and_traces_are_the_stock_networks(backbone):
    families.check_teacher_forcing(backbone, stock(backbone))


@pytest.mark.parametrize("size", families.SHAPES)
def test_an_answer_is_the_stock_networks_without_a_cache(backbone, size):
    families.check_generation(backbone, stock(backbone), size)


def test_a_row_of_a_batch_answers_as_alone(backbone):
    families.check_batches(backbone)


@pytest.mark.parametrize("size", [(40, 60), (30, 90), (90, 30), (5, 7), (700, 900)])
def test_a_picture_is_prepared_as_by_the_processor(backbone, size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    wanted = processed(backbone, image)
    _, high, wide = wanted["image_grid_thw"][0].tolist()
    prepared = backbone.prepare(image)
    assert prepared.shape == (3, high * 4, wide * 4) and prepared.dtype == torch.uint8
    assert backbone.frame(size).target == (high // 2, wide // 2)
    seen = []
    hook = backbone.tower.patch_embed.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        backbone.see(prepared[None], [size])
    hook.remove()
    torch.testing.assert_close(seen[0], wanted["pixel_values"], atol=1e-5, rtol=0)


def test_the_grid_has_the_pictures_shape_and_its_frame_places_it(backbone):
    wide, tall = backbone.frame((300, 900)), backbone.frame((900, 300))
    assert wide.target == (4, 12) and tall.target == (12, 4)  # 48 cells at most, three times as long as high
    for frame in (wide, tall):
        height, width = frame.source
        corners = torch.tensor([[-0.5, -0.5], [width - 0.5, height - 0.5]])
        rows, columns = frame.target
        torch.testing.assert_close(frame.points(corners), torch.tensor([[-0.5, -0.5], [columns - 0.5, rows - 0.5]]))
        assert frame.valid_mask().all()
    plain = np.full((300, 900, 3), 120, np.uint8)
    spot = plain.copy()
    spot[75:150, 375:450] = 255  # one cell: row 1, column 5
    with torch.no_grad():
        seen = backbone.see(torch.stack([backbone.prepare(plain), backbone.prepare(spot)]), [(300, 900)] * 2)
    assert seen.shape == (2, 48, 32)
    assert int((seen[1] - seen[0]).abs().sum(dim=-1).argmax()) == 1 * 12 + 5


def test_what_does_not_go_is_one_line(backbone):
    with pytest.raises(ValueError, match=r"4 x 1000 is too narrow for this model: .* 200 times"):
        backbone.frame((1000, 4))
    with pytest.raises(ValueError, match="several shapes"):
        backbone.see(torch.zeros(2, 3, 96, 96, dtype=torch.uint8), [(40, 60), (60, 40)])
    options = dataclasses.replace(backbone.options, max_pixels=10)
    with pytest.raises(ValueError, match="max_pixels: 10 is less than"):
        type(backbone)(backbone.network, backbone.tokenizer, options, lambda n: (n - 1,))
    options = dataclasses.replace(backbone.options, image="<s>")
    with pytest.raises(ValueError, match="is not the tokenizer's <s>"):
        type(backbone)(backbone.network, backbone.tokenizer, options, lambda n: (n - 1,))
    with pytest.raises(ValueError, match="too long: with the picture"):
        backbone.encode_chat([("x" * 10_000, None)])


def test_a_picture_may_be_stretched_to_a_square(model):
    family = model.config.backbone.family
    made = families.model(family, backbone=families.part(family, square=48)).backbone
    frame = made.input_frame((30, 90))
    assert (frame.target, frame.scale) == ((48, 48), (48 / 90, 48 / 30)) and made.frame((30, 90)).target == (6, 6)
    assert tuple(made.prepare(picture(0, (30, 90))).shape) == (3, 48, 48)
    with pytest.raises(ValueError, match="square: 50 is no whole number of cells of 8 pixels"):
        families.model(family, backbone=families.part(family, square=50))


def test_adapters_go_to_the_language_model_alone(backbone):
    chosen = [n for n, _ in backbone.named_modules() if re.fullmatch(backbone.lora_targets(), n)]
    assert len(chosen) == 7 * 3
    assert all(name.startswith("network.model.language_model.layers.") for name in chosen)


def test_a_saved_model_answers_as_before_through_the_predictor(model, tmp_path):
    model.save_pretrained(tmp_path / "made")
    asked = {}
    for name, predictor in (("before", Predictor(model)), ("after", Predictor.from_pretrained(tmp_path / "made"))):
        predictor.set_image(picture(3, (90, 30)))
        asked[name] = predictor.ask("Where is the red cup?", max_new_tokens=8)
        again = predictor.ask("And the lamp?", [("Where is the red cup?", asked[name].text)], max_new_tokens=4)
        assert again.stop in ("end", "length")
    assert asked["before"].text == asked["after"].text != ""


def test_a_mark_becomes_a_mask_of_the_pictures_shape(model):
    question = "Where is the red cup?"
    marking, image = families.marking(model.config.backbone.family, [(question, None)], (90, 30))
    predictor = Predictor(marking)
    predictor.set_image(image)
    answer = predictor.ask(question, max_new_tokens=8)
    assert "<SEG>" in answer.text
    assert answer.segments and {segment.mask.shape for segment in answer.segments} == {(90, 30)}
    assert {segment.evidence.map.shape for segment in answer.segments} == {marking.backbone.frame((90, 30)).target}
    shown = next(segment for segment in answer.segments if not segment.rejected)
    assert sorted(predictor.layer_maps(shown)) == [0, 1, 2, 3]
    assert predictor.reground(shown, layer=1).mask.shape == (90, 30)


def test_a_folder_as_the_hub_has_it_is_read(model, tmp_path):
    """Written by the stock class in half precision."""
    family = backbones.load(model.config.backbone.family)
    options = build(family.Options, model.config.backbone.options, "tests")
    made = family.build(options, model.backbone.tokenizer).bfloat16()
    made.save_pretrained(tmp_path)
    read = family.load(tmp_path, options, None)
    assert type(read) is type(made)
    assert {p.dtype for p in read.parameters()} == {torch.bfloat16}
    theirs = made.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in read.state_dict().items())
    wrong = dataclasses.replace(options, text={**options.text, "hidden_size": 64})
    with pytest.raises(ValueError, match="text_config: hidden_size is not 64"):
        family.load(tmp_path, wrong, None)
    positions = {**options.text["rope_parameters"], "mrope_section": [1, 2, 5]}
    with pytest.raises(ValueError, match="rope_parameters is not"):
        family.load(tmp_path, dataclasses.replace(options, text={**options.text, "rope_parameters": positions}), None)


SYSTEM = {"qwen2_5_vl": "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n", "qwen3_vl": ""}


def test_the_chat_is_that_of_the_released_models(model):
    """A tokenizer with their special tokens; without the marks, as they are released, they can only talk."""
    family = model.config.backbone.family
    options = {**model.config.backbone.options, "seg": None, "rej": None}
    config = tiny.config(backbone={"family": family, "options": options})
    backbone = GroundingModel.build(config, families.chatml()).backbone
    talk = [("Where is it?", "Here."), ("<|im_end|>And?", "There.")]
    chat = backbone.encode_chat(talk)
    said = backbone.tokenizer.decode(chat.ids)
    assert said == SYSTEM[family] + (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Where is it?<|im_end|>\n"
        "<|im_start|>assistant\nHere.<|im_end|>\n<|im_start|>user\n< |im_end|>And?<|im_end|>\n"
        "<|im_start|>assistant\nThere.<|im_end|>\n"
    )
    assert backbone.tokenizer.decode(chat.labels[chat.labels != -100]) == "Here.<|im_end|>There.<|im_end|>"
    assert backbone.tokenizer.decode(chat.ids[: chat.prefix]).endswith("<|image_pad|>")
    opened = backbone.tokenizer.decode(backbone.encode_chat([("Where?", None)]).ids)
    assert opened.endswith("Where?<|im_end|>\n<|im_start|>assistant\n")
    assert backbone.mark_ids == (-1, -1)
    (made,) = backbone.generate([backbone.read(picture())], [[("Where?", None)]], 4)
    assert len(made.trace) == 0
