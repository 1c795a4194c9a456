"""LLaVA-1.6 against the stock network fed by its own processor: the tiles' cells as a grid of the picture's shape."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from data.settings import build
from model.backbones import llava_next
from model.predictor import Predictor
from tests import families
from tests.families import picture

SIZES = [*families.SHAPES, (64, 64), (7, 5), (300, 410), (20, 200)]


@pytest.fixture(scope="module")
def model():
    return families.model("llava_next")


@pytest.fixture(scope="module")
def backbone(model):
    return model.backbone


def processed(backbone, image: np.ndarray) -> dict[str, torch.Tensor]:
    """A picture as the released processor gives it."""
    side = backbone.options.input_size
    processor = LlavaNextImageProcessorPil(
        image_grid_pinpoints=[list(size) for size in backbone.options.pinpoints],
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        image_mean=list(backbone.options.mean),
        image_std=list(backbone.options.std),
        resample=3,
    )
    return processor(image, return_tensors="pt")


def mine(backbone, image: np.ndarray) -> torch.Tensor:
    """The views that the tower is shown, normalised."""
    side = backbone.options.input_size
    views = backbone.prepare(image).unflatten(1, (-1, side)).transpose(0, 1)
    return (views / 255 - backbone.mean) / backbone.std


def stock(backbone):
    """The stock network on one row of ids; of ours there is the resizing alone, which is compared by itself."""

    def run(ids, image):
        out = backbone.network(
            input_ids=ids[None],
            pixel_values=mine(backbone, image)[None],
            image_sizes=torch.tensor([image.shape[:2]]),
            output_hidden_states=True,
            use_cache=False,
        )
        return out.logits[0], [states[0] for states in out.hidden_states]

    return run


def test_logits_and_traces_are_the_stock_networks(backbone):
    families.check_teacher_forcing(backbone, stock(backbone))


@pytest.mark.parametrize("size", families.SHAPES)
def test_an_answer_is_the_stock_networks_without_a_cache(backbone, size):
    families.check_generation(backbone, stock(backbone), size)


def test_a_row_of_a_batch_answers_as_alone(backbone):
    families.check_batches(backbone)


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_cut_as_by_the_processor(backbone, size):
    """Where there is padding, torch resizes in Pillow's place, and rounds a little differently."""
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    wanted = processed(backbone, image)["pixel_values"][0]
    made = mine(backbone, image)
    assert made.shape == wanted.shape
    level = float(1 / 255 / backbone.std.min())
    far = (made - wanted).abs()
    assert float(far.max()) < 2.1 * level and float((far > 0.1 * level).float().mean()) < 0.02


@pytest.mark.parametrize("size", SIZES)
def test_the_grid_is_what_the_stock_network_leaves_of_the_tiles(backbone, size):
    """A light spot is seen in the cell where the frame says that it is."""
    height, width = backbone.frame(size).target
    with torch.no_grad():
        plain = backbone.prepare(np.full((*size, 3), 120, np.uint8))
        views = torch.stack([((view / 255) - backbone.mean) / backbone.std for view in plain.split(32, dim=1)])
        packed = backbone.network.get_image_features(views[None], torch.tensor([size])).pooler_output[0]
    assert len(packed) == backbone.tokens(size) == 16 + height * (width + 1)
    newline = backbone.network.model.image_newline
    ends = (packed == newline).all(dim=1).nonzero()[:, 0].tolist()
    assert ends == [16 + (row + 1) * (width + 1) - 1 for row in range(height)]
    placed = backbone._placed(size).tolist()
    assert placed == [place for place in range(16, len(packed)) if place not in ends]


@pytest.mark.parametrize(("size", "spot"), [((300, 900), (200, 700)), ((900, 300), (700, 60)), ((300, 400), (40, 350))])
def test_its_frame_places_it(backbone, size, spot):
    plain = np.full((*size, 3), 120, np.uint8)
    lit = plain.copy()
    row, column = spot
    lit[row - 12 : row + 12, column - 12 : column + 12] = 255
    with torch.no_grad():
        seen = backbone.see(torch.stack([backbone.prepare(plain), backbone.prepare(lit)]), [size] * 2)
    frame = backbone.frame(size)
    height, width = frame.target
    assert seen.shape == (2, height * width, 32)
    change = (seen[1] - seen[0]).abs().sum(dim=-1).view(height, width)
    x, y = frame.points(torch.tensor([float(column), float(row)])).tolist()
    found = int(change.argmax())
    assert abs(found % width - x) <= 1 and abs(found // width - y) <= 1


def test_what_does_not_go_is_one_line(backbone):
    with pytest.raises(ValueError, match="4 x 1000 is too narrow for this model"):
        backbone.frame((1000, 4))
    with pytest.raises(ValueError, match="several shapes"):
        backbone.see(torch.zeros(2, 3, 32 * 7, 32, dtype=torch.uint8), [(40, 60), (60, 40)])
    for changes, says in (
        ({"input_size": 64}, "not the tower's image_size"),
        ({"pinpoints": ((32, 40),)}, "whole tiles of 32 pixels"),
        ({"pinpoints": ((32, 64),)}, "not the network's image_grid_pinpoints"),
    ):
        options = dataclasses.replace(backbone.options, **changes)
        with pytest.raises(ValueError, match=says):
            llava_next.Model(backbone.network, backbone.tokenizer, options, lambda n: (n - 1,))


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
    assert asked["before"].text == asked["after"].text != ""


def test_a_folder_as_the_hub_has_it_is_read(model, tmp_path):
    options = build(llava_next.Options, families.OPTIONS["llava_next"], "tests")
    made = llava_next.build(options, model.backbone.tokenizer).half()
    made.save_pretrained(tmp_path)
    read = llava_next.load(tmp_path, options, None)
    assert type(read) is type(made) and {p.dtype for p in read.parameters()} == {torch.float16}
    theirs = made.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in read.state_dict().items())
    with pytest.raises(ValueError, match="text_config: hidden_size is not 64"):
        llava_next.load(tmp_path, dataclasses.replace(options, text={**options.text, "hidden_size": 64}), None)


def test_the_chat_is_vicunas(model):
    tokenizer = families.chatml()
    tokenizer.bos_token, tokenizer.eos_token = "<s>", "</s>"
    options = build(llava_next.Options, {**families.OPTIONS["llava_next"], "seg": None, "rej": None}, "tests")
    backbone = llava_next.Model(llava_next.build(options, tokenizer), tokenizer, options, lambda n: (n - 1,))
    chat = backbone.encode_chat([("Where is it?", "Here."), ("And?", None)])
    assert tokenizer.decode(chat.ids) == (
        "<s>A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the human's questions. USER: <image>\nWhere is it? ASSISTANT: Here.</s>"
        "USER: And? ASSISTANT:"
    )
    assert tokenizer.decode(chat.labels[chat.labels != -100]) == " Here.</s>"
