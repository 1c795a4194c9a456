import json

import numpy as np
import pytest
import safetensors.torch
import torch

from model import config, placement
from model.grounding import GroundingModel
from model.placement import Placement
from model.policy import Options as PolicyOptions
from model.predictor import Predictor
from model.tracing import Trace
from tests import tiny

SIZE = (48, 64)


def trace(model: GroundingModel, marks: int = 3) -> Trace:
    backbone = model.backbone
    side = backbone.grid[0]
    states = torch.randn(marks, 1, backbone.state_size, requires_grad=True)
    image = torch.randn(1, side * side, backbone.state_size)
    rejected = torch.zeros(marks, dtype=torch.bool)
    return Trace(states, image, backbone.grid, backbone.frame(SIZE), rejected, backbone.layers)


@pytest.fixture(scope="module")
def model() -> GroundingModel:
    return tiny.model()


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_maps_are_min_max_inner_products_and_every_channel_speaks(model):
    given = trace(model)
    made = model.ground(given, SIZE)
    raw = (given.marks[1, 0] @ given.image[0].T).view(8, 8).detach()
    rows = raw[1:7]  # 48 of 64 rows: one row of patches is padding above and below
    expected = torch.zeros(8, 8)
    expected[1:7] = (rows - rows.min()) / (rows.max() - rows.min())
    torch.testing.assert_close(made.maps[1].detach(), expected, atol=1e-5, rtol=0)
    assert made.prompts.embeddings.shape == (3, 1, 16)
    assert made.prompts.points.shape == (3, 8, 2)
    assert made.prompts.mask.shape == (3, 1, 32, 32)
    made.prompts.embeddings.sum().backward()
    assert given.marks.grad.abs().sum() > 0


def test_only_the_marks_kept_are_grounded(model):
    given = trace(model)
    whole, kept = model.ground(given, SIZE), model.ground(given.select(torch.tensor([2, 0])), SIZE)
    torch.testing.assert_close(kept.maps, whole.maps[[2, 0]])
    torch.testing.assert_close(kept.prompts.points, whole.prompts.points[[2, 0]])
    assert model.ground(given.select(torch.zeros(0, dtype=torch.int64)), SIZE).maps.shape == (0, 8, 8)


def test_a_layer_by_its_index_is_the_one_that_is_kept():
    made = tiny.model(layer={"policy": "fixed", "index": 1})
    assert made.backbone.layers == (1,)
    assert made.ground(trace(made), SIZE).maps.shape == (3, 8, 8)
    with pytest.raises(ValueError, match="index: 7"):
        tiny.model(layer={"policy": "fixed", "index": 7})


def test_a_channel_and_an_option_that_are_unknown_are_named():
    with pytest.raises(ValueError, match="did you mean 'points'"):
        tiny.model(channels={"point": {}})
    with pytest.raises(ValueError, match="did you mean 'keep'"):
        tiny.model(channels={"points": {"kep": 3}})


def test_what_is_saved_comes_back(model, folder):
    again = GroundingModel.from_pretrained(folder)
    mine, theirs = model.state_dict(), again.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert again.config == model.config
    assert (
        again.backbone.encode_chat([("Where?", None)]).ids.tolist()
        == model.backbone.encode_chat([("Where?", None)]).ids.tolist()
    )
    assert not again.training


def test_half_the_bytes_keep_the_buffers_that_place_points(model, tmp_path):
    model.save_pretrained(tmp_path / "half", dtype=torch.bfloat16)
    again = GroundingModel.from_pretrained(tmp_path / "half")
    for name, parameter in again.named_parameters():
        expected = model.get_parameter(name).to(torch.bfloat16).float()
        assert torch.equal(parameter, expected), name
    name = "segmenter.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    assert torch.equal(again.state_dict()[name], model.state_dict()[name])


def test_a_large_backbone_stays_as_it_is_stored(model, tmp_path, monkeypatch):
    model.save_pretrained(tmp_path / "half", dtype=torch.bfloat16)
    asked = GroundingModel.from_pretrained(tmp_path / "half", Placement(device="cpu", precision="bfloat16"))
    monkeypatch.setattr(placement, "LARGE", 1000)
    large = GroundingModel.from_pretrained(tmp_path / "half")
    for made in (asked, large):
        assert {p.dtype for p in made.backbone.parameters()} == {torch.bfloat16}
        assert {p.dtype for part in (made.segmenter, made.channels) for p in part.parameters()} == {torch.float32}
        predictor = Predictor(made)
        predictor.set_image(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8))
        assert predictor.ask("Where is the red cup?").stop in ("end", "length")
    monkeypatch.setattr(placement, "LARGE", 10**9)
    whole = GroundingModel.from_pretrained(tmp_path / "half")
    assert {p.dtype for p in whole.backbone.parameters()} == {torch.float32}


def test_a_policy_is_kept_with_its_baseline(tmp_path):
    made = tiny.model(layer={"policy": "sampled"})
    torch.nn.init.normal_(made.policy.weight)
    made.policy.average.fill_(0.3)
    made.save_pretrained(tmp_path / "model")
    again = GroundingModel.from_pretrained(tmp_path / "model")
    assert torch.equal(again.policy.weight, made.policy.weight)
    assert float(again.policy.average) == pytest.approx(0.3)
    (tmp_path / "model" / "policy.safetensors").unlink()
    refused(tmp_path / "model")


def test_saving_replaces_what_was_there_and_leaves_nothing_beside_it(model, folder):
    (folder / "stale").write_text("")
    model.save_pretrained(folder)
    assert not (folder / "stale").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_failed_save_leaves_the_old_checkpoint(model, folder, monkeypatch):
    monkeypatch.setattr(safetensors.torch, "save_file", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        model.save_pretrained(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    GroundingModel.from_pretrained(folder)


FILES = [
    "config.json",
    "segmenter.safetensors",
    "channels.safetensors",
    "backbone/config.json",
    "backbone/model.safetensors",
    "backbone/tokenizer.json",
    "backbone/tokenizer_config.json",
    "backbone/chat_template.jinja",
]


def refused(folder) -> str:
    with pytest.raises(ValueError, match=r"model") as caught:
        GroundingModel.from_pretrained(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_cut_or_foreign_file_is_one_plain_line(folder, name):
    whole = (folder / name).read_bytes()
    for content in (whole[: len(whole) * 2 // 3], b"", b"\xff\xfe\x00web page" * 30, b"[1]"):
        (folder / name).write_bytes(content)
        refused(folder)
    (folder / name).unlink()
    refused(folder)


@pytest.mark.parametrize("name", ["segmenter.safetensors", "channels.safetensors", "backbone/model.safetensors"])
def test_missing_strange_and_misshapen_tensors_are_refused(folder, name):
    tensors = safetensors.torch.load_file(folder / name)
    first = sorted(tensors)[-1]
    for wrong in (
        {key: value for key, value in tensors.items() if key != first},
        {**tensors, "strange": torch.zeros(2)},
        {**tensors, first: torch.zeros(3)},
    ):
        safetensors.torch.save_file(wrong, folder / name, metadata={"format": "pt"})
        refused(folder)


@pytest.mark.parametrize(("key", "value"), [("hidden_size", 4096), ("hidden_size", "many"), ("num_hidden_layers", 9)])
def test_a_network_of_other_sizes_is_refused_before_it_is_made(folder, key, value):
    path = folder / "backbone" / "config.json"
    values = json.loads(path.read_text())
    values["text_config"][key] = value
    path.write_text(json.dumps(values))
    refused(folder)


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no checkpoint at .*nowhere"):
        GroundingModel.from_pretrained(tmp_path / "nowhere")


def test_full_size_has_the_released_names_and_counts():
    """LLaVA-1.5-7B and SAM ViT-H as released, on the meta device; channels by hand."""
    made = GroundingModel.build(config.preset("pinpoint"), tiny.tokenizer(), device="meta")
    count = {
        part: sum(p.numel() for p in getattr(made, part).parameters()) for part in ("backbone", "segmenter", "channels")
    }
    assert count["backbone"] == 7_063_427_072
    assert count["segmenter"] == 641_090_608
    assert count["channels"] == (4096 * 4096 + 4096) + (4096 * 256 + 256)
    assert {parameter.device.type for parameter in made.parameters()} == {"meta"}
    names = {name for name, _ in made.named_parameters()}
    assert "backbone.llava.model.vision_tower.encoder.layers.23.mlp.fc2.weight" in names
    assert "backbone.llava.model.language_model.layers.31.self_attn.q_proj.weight" in names
    assert "backbone.llava.model.multi_modal_projector.linear_2.weight" in names
    assert "segmenter.image_encoder.blocks.31.attn.rel_pos_h" in names
    assert "segmenter.mask_decoder.transformer.layers.1.cross_attn_image_to_token.out_proj.bias" in names
    assert made.backbone.grid == (24, 24)
    assert made.segmenter.mask_size == 256


def test_the_tiny_preset_is_small_enough_to_ship():
    made = GroundingModel.build(config.preset("tiny"), tiny.tokenizer(), device="meta")
    assert sum(parameter.numel() for parameter in made.parameters()) * 2 < 20e6  # bytes at half precision
    assert made.backbone.frame((30, 50)).valid_mask().shape == made.backbone.grid


def test_weights_differ_by_seed_alone():
    first, second, third = tiny.model(3), tiny.model(3), tiny.model(4)
    name = "channels.embedding.project.0.weight"
    assert np.array_equal(first.get_parameter(name).detach(), second.get_parameter(name).detach())
    assert not np.array_equal(first.get_parameter(name).detach(), third.get_parameter(name).detach())


def test_another_layer_policy_begins_unlearned_and_is_stored(tmp_path):
    made = tiny.model()
    made.begin_policy(PolicyOptions("group", lean=2.0))
    assert made.backbone.layers == (0, 1, 2) and not made.policy.weight.any()
    made.save_pretrained(tmp_path / "made")
    read = GroundingModel.from_pretrained(tmp_path / "made")
    assert read.config.layer == PolicyOptions("group", lean=2.0) and read.backbone.layers == (0, 1, 2)
