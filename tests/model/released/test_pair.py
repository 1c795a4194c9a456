import copy
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from huggingface_hub.file_download import repo_folder_name
from transformers import Sam2Model

from model.convert import _sizes
from model.grounding import GroundingModel
from model.predictor import Predictor
from model.released import download as work
from model.released import find, pair, table
from model.released.hub import Hub
from model.segmenters import sam
from model.segmenters.sam2 import configured as stock_config
from tests import tiny
from tests.model.released import llava
from tests.model.released.fixtures import UNWANTED, contents
from tests.model.segmenters.prompted import picture
from tests.model.segmenters.test_sam2 import TINY

CHANNELS = {"points": {"factor": 1, "keep": 8}}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Folders of a LLaVA and a SAM 2 in the hub's format."""
    root = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    tiny.talker().backbone.save(root / "tiny-llava")
    Sam2Model(stock_config(TINY)).save_pretrained(root / "tiny-sam2")
    return pair.find(str(root / "tiny-llava"), "backbone"), pair.find(str(root / "tiny-sam2"), "segmenter")


@pytest.fixture
def made(parts, tmp_path, monkeypatch):
    """Their checkpoint, by a channel that speaks from marks."""
    make = pair.configured
    monkeypatch.setattr(pair, "configured", lambda *args: make(*args, channels=CHANNELS))
    return pair.pair(*parts, tmp_path / "checkpoints")


def cached(root, release, files):
    folder = root / repo_folder_name(repo_id=table().releases[release].repository, repo_type="model")
    folder = folder / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def test_two_parts_answer_and_draw(parts, made):
    assert (
        re.fullmatch(r"tiny-llava-[0-9a-f]{8}\+tiny-sam2-[0-9a-f]{8}", made.name)
        and (made / "backbone").resolve() == parts[0].path
    )
    model = GroundingModel.from_pretrained(made)
    assert (model.config.backbone.family, model.config.segmenter.family) == ("llava", "sam2")
    stock = Sam2Model.from_pretrained(parts[1].path)
    assert torch.equal(model.segmenter.mask_decoder.iou_token.weight, stock.mask_decoder.iou_token.weight)
    talker = tiny.talker().backbone.llava.state_dict()
    assert all(torch.equal(value, talker[name]) for name, value in model.backbone.llava.state_dict().items())
    predictor = Predictor(model)
    predictor.set_image(picture())
    answers = [predictor.ask(question, max_new_tokens=12) for question in ("Where?", "red cup", "the lamp", "fruit")]
    drawn = [segment for answer in answers for segment in answer.segments]
    assert drawn and all(segment.mask.shape == (30, 50) for segment in drawn)
    assert all(segment.evidence.low.shape == (1, 1, 16, 16) for segment in drawn)


def test_the_sizes_build_the_same_networks(parts, made):
    """So that what trains from it can be planned and split."""
    model = GroundingModel.from_pretrained(made)
    shapes = GroundingModel.build(model.config, model.backbone.tokenizer, "meta")
    for part in ("backbone", "segmenter"):
        expected = {name: value.shape for name, value in getattr(model, part).state_dict().items()}
        assert {name: value.shape for name, value in getattr(shapes, part).state_dict().items()} == expected


def test_a_pair_is_made_once_and_anew_when_a_part_has_changed(parts, made, tmp_path, monkeypatch):
    before = (made / "segmenter.safetensors").stat().st_mtime_ns
    assert pair.pair(*parts, made.parent) == made and (made / "segmenter.safetensors").stat().st_mtime_ns == before
    shutil.copytree(parts[1].path, tmp_path / "tiny-sam2")
    copied = parts[0], pair.find(str(tmp_path / "tiny-sam2"), "segmenter")
    first = pair.pair(*copied, made.parent)
    weights = tmp_path / "tiny-sam2" / "model.safetensors"
    os.utime(weights, ns=(1, 1))
    again = pair.pair(*copied, made.parent)
    assert (
        again == first
        and ["model.safetensors", weights.stat().st_size, 1] in json.loads((first / pair.RECORD).read_text())["files"]
    )
    (first / pair.RECORD).unlink()
    with pytest.raises(ValueError, match="exists already and was not made of two parts"):
        pair.pair(*copied, made.parent)


def test_without_a_channel_of_one_s_own_it_listens_to_coordinates(parts):
    config, _ = pair.configured(parts[0], parts[1])
    assert config.channels == {"coordinates": {}} and config.max_new_tokens == pair.TOKENS
    assert config.backbone.options["rej"] is None and "seg" not in config.backbone.options  # a LLaVA must have one
    thinker = pair.Place("thinker", parts[0].path, {"wording": "vision_reasoner"})
    config, _ = pair.configured(thinker, parts[1])
    assert config.channels == {"coordinates": {"wording": "vision_reasoner"}}
    assert config.max_new_tokens == pair.THOUGHTS


def test_the_file_of_sam_is_a_segmenter(parts, tmp_path, monkeypatch):
    options = sam.Options(64, 8, 32, 2, 2, 4, (1,), prompt_size=16, decoder_heads=2, decoder_mlp=32)
    monkeypatch.setitem(_sizes.SAMS, (32, 2), options)
    weights = sam.Model(options).state_dict()
    torch.save(weights, tmp_path / "sam.pth")
    config, drawer = pair.configured(parts[0], pair.Place("sam", tmp_path / "sam.pth"))
    assert config.segmenter.family == "sam" and config.segmenter.options["width"] == 32
    assert all(torch.equal(value, weights[name]) for name, value in drawer.state_dict().items())
    (tmp_path / "sam.pth").write_bytes(b"0" * 100)
    with pytest.raises(ValueError, match=r"sam.pth is damaged, or none of SAM"):
        pair.configured(parts[0], pair.Place("sam", tmp_path / "sam.pth"))


def test_a_downloaded_part_is_found_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"sam2.1-large is not here yet: run `pinpoint download sam2.1-large` first"):
        pair.find("sam2.1-large", "segmenter", tmp_path)
    folder = cached(tmp_path, "sam2.1-large", {"config.json": "{}"})
    with pytest.raises(ValueError, match="not here yet"):  # the weights are still to come
        pair.find("sam2.1-large", "segmenter", tmp_path)
    (folder / "model.safetensors").touch()
    assert pair.find("sam2.1-large", "segmenter", tmp_path) == pair.Place("sam2.1-large", folder)


def test_what_the_hub_gives_of_a_part_makes_a_pair(parts, hub, tmp_path):
    unwanted = {**UNWANTED, "sam2.1_hiera_tiny.pt": b"no"}
    hub.repositories["facebook/sam2.1-hiera-tiny"] = {**contents(parts[1].path), **unwanted}
    hub.repositories["Qwen/Qwen2.5-VL-3B-Instruct"] = {**contents(parts[0].path), "merges.txt": b"", **UNWANTED}
    for name, role in (("qwen2.5-vl-3b", "backbone"), ("sam2.1-tiny", "segmenter")):
        fetched = work.download(find(name), tmp_path / "no", Hub(hub.url), lambda _: None)
        assert pair.find(name, role) == pair.Place(name, fetched)
    assert sorted(path.name for path in fetched.iterdir()) == ["config.json", "model.safetensors"]
    texts = {path.name for path in pair.find("qwen2.5-vl-3b", "backbone").path.iterdir()}
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "merges.txt"} <= texts
    config, _ = pair.configured(pair.find("qwen2.5-vl-3b", "backbone"), pair.find("sam2.1-tiny", "segmenter"))
    assert config.segmenter.family == "sam2"


def test_a_backbone_in_shards_is_found_when_all_are_there(tmp_path):
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})
    files = {"config.json": "{}", "model.safetensors.index.json": index, "model-1.safetensors": ""}
    folder = cached(tmp_path, "vision-reasoner-7b", files)
    with pytest.raises(ValueError, match="not here yet"):
        pair.find("vision-reasoner-7b", "backbone", tmp_path)
    (folder / "model-2.safetensors").touch()
    found = pair.find("vision-reasoner-7b", "backbone", tmp_path)
    assert found.path == folder and found.settings == {"wording": "vision_reasoner"}


def test_what_is_no_part_is_refused_in_one_line(parts, tmp_path):
    with pytest.raises(ValueError, match=r"no backbone 'sam2.1-large': .*qwen3-vl-8b"):
        pair.find("sam2.1-large", "backbone", tmp_path)
    with pytest.raises(ValueError, match="no segmenter 'nowhere'"):
        pair.find("nowhere", "segmenter", tmp_path)
    swapped = copy.copy(parts)[::-1]
    with pytest.raises(ValueError, match="holds a 'sam2', which is no backbone"):
        pair.configured(*swapped)
    with pytest.raises(ValueError, match="holds a 'llava', which is no segmenter: there are sam2"):
        pair.configured(parts[0], parts[0])


def test_a_part_from_a_fresh_llava_of_the_hub(tmp_path, parts):
    """Its configuration has no more than the library writes."""
    llava.llava(tmp_path / "llava")
    config, _ = pair.configured(pair.find(str(tmp_path / "llava"), "backbone"), parts[1])
    options = config.backbone.options
    assert (options["input_size"], options["feature_layer"], options["text"]["hidden_size"]) == (64, -2, 32)
    assert json.loads(json.dumps(options)) == options


def test_folders_of_one_name_are_two_parts(parts, tmp_path):
    shutil.copytree(parts[0].path, tmp_path / "tiny-llava")
    other = pair.find(str(tmp_path / "tiny-llava"), "backbone")
    assert other.name == parts[0].name and other.called != parts[0].called


def test_processes_that_begin_together_make_one_checkpoint(parts, tmp_path):
    """As those of a training run do."""
    code = """
import sys, time
from pathlib import Path
from model.released import pair
backbone, segmenter, target, start = sys.argv[1:]
make = pair.write
def write(*given):
    Path(target, f"made-{time.monotonic_ns()}").touch()
    time.sleep(0.5)
    make(*given)
pair.write = write
parts = pair.find(backbone, "backbone"), pair.find(segmenter, "segmenter")
while not Path(start).exists():
    time.sleep(0.01)
print(pair.pair(*parts, Path(target)))
"""
    start = tmp_path / "start"
    given = [str(parts[0].path), str(parts[1].path), str(tmp_path / "checkpoints"), str(start)]
    every = [
        subprocess.Popen([sys.executable, "-c", code, *given], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    start.touch()
    said = [one.communicate(timeout=300)[0].strip() for one in every]
    assert [one.returncode for one in every] == [0, 0, 0] and len(set(said)) == 1 and said[0]
    assert len(list((tmp_path / "checkpoints").glob("made-*"))) == 1
