"""``pinpoint train RECIPE --dry-run``."""

import json
import re
import shutil
from collections import namedtuple

import pytest
import yaml
from PIL import Image

from app.cli import main
from model.grounding import GroundingModel
from tests import tiny
from train import budget, rehearsal
from train.recipe import Recipe

RECIPE = {
    "objective": "grounding",
    "options": {"conversations": 2, "images": 1, "masks": 1},
    "train": {"lora_": 1e-3, r"^model\.channels\.": 1e-3},
    "lora": {"rank": 2, "alpha": 4},
    "steps": 4,
    "batch": 2,
}


@pytest.fixture
def folder(tmp_path):
    """A checkpoint, a dataset of one's own, and a recipe for both."""
    tiny.model().save_pretrained(tmp_path / "start")
    own = tmp_path / "trees" / "own"
    own.mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(own / "a.png")
    line = {"image": "a.png", "question": "Where?", "targets": [{"phrase": "the cup", "mask": [[4, 4, 40, 4, 40, 30]]}]}
    (own / "pinpoint.jsonl").write_text(json.dumps(line))
    recipe = {**RECIPE, "init": str(tmp_path / "start"), "out": str(tmp_path / "out")}
    recipe["options"] = {**recipe["options"], "data": {"own": 2, "world": 1}, "root": str(tmp_path / "trees")}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return tmp_path


def rehearse(folder, *overrides):
    return main(["train", str(folder / "recipe.yaml"), *overrides, "--dry-run"])


def test_it_says_all_and_reads_no_weights(folder, capsys, monkeypatch):
    monkeypatch.setattr(GroundingModel, "from_pretrained", lambda *_, **__: pytest.fail("weights were read"))
    assert rehearse(folder, "processes=2", "deepspeed=zero2") == 0
    said = capsys.readouterr().out
    for part in (
        "processes  2, ",
        "steps: 4",
        "own: 1 pictures; the drawn world",
        "2 checkpoints of",
        "ZeRO stage 2, 2 proc",
    ):
        assert part in said, part
    assert re.search(r"activations +\d", said) and re.search(r"time +\d", said)
    assert not (folder / "out").exists()
    lines = [line.split() for line in said.splitlines()]
    learn, total = next(row[1:] for row in lines if row[:1] == ["all"])
    model = tiny.model()
    count = sum(p.numel() for p in model.parameters())
    adapters = 2 * (4 * 2 * (32 + 32) + 3 * 2 * (32 + 64))
    channels = sum(p.numel() for p in model.channels.parameters())
    assert int(total.replace(",", "")) == count + adapters
    assert int(learn.replace(",", "")) == adapters + channels


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("options.root=/nowhere", "no folder /nowhere"),
        ("options.data={onw: 1}", "did you mean 'own'"),
        ("init=/nowhere/model", "neither a preset"),
        ("options.masks=many", "expected int"),
        ("train={nose: 1.0}", "matches no parameter"),
        ("lora.targets=[nose]", "no projection"),
        ("hosts=/nowhere", "no file /nowhere"),
        ("out=/etc/hostname/run", "cannot be written to"),
        ("deepspeed=zero9", "no file 'zero9'"),
        ("take={nose: START}", "no part 'nose'"),
        ("take={channels: OTHER}", "the channels of OTHER has another shape than that of START"),
    ],
)
def test_what_is_wrong_is_one_line(folder, capsys, override, says):
    places = {"START": str(folder / "start"), "OTHER": str(folder / "other")}
    for name, place in places.items():
        override, says = override.replace(name, place), says.replace(name, place)
    if places["OTHER"] in override:
        tiny.model(channels={"mask": {}}).save_pretrained(folder / "other")
    assert rehearse(folder, override) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_parts_of_another_checkpoint_that_fit(folder, capsys):
    assert rehearse(folder, f"take={{tower: {folder / 'start'}, segmenter: {folder / 'start'}}}") == 0


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["train={channels: 1e-3, lora_: 1e-3}"], "channels.* gets no gradient from rewards"),
        (["train={backbone: 1e-3}"], "would move the reference along"),
        (["train={lora_: 1e-3}", "options={reuse: 3}"], "must be multiples of options.reuse, 3"),
    ],
)
def test_what_reinforcement_cannot_train_is_found_before_weights_are_read(folder, capsys, overrides, says):
    assert rehearse(folder, "objective=grpo", "options={}", *overrides) == 2
    assert re.search(says, capsys.readouterr().err)


def test_a_full_disk(folder, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**4))
    assert rehearse(folder) == 2
    assert "10.0 kB free, and needed are 2 saved states of" in capsys.readouterr().err


def test_the_state_that_validates_best_and_kept_features_take_room(folder, capsys):
    features = 2 * 16 * 8 * 8  # of a picture: bfloat16, 16 wide, a place for each of 8 x 8 patches
    assert rehearse(folder, "validate_steps=2", f"options.features={folder / 'kept'}") == 0
    said = re.search(r"disk +(.*)", capsys.readouterr().out)[1]
    assert (
        "3 saved states of" in said and f"up to {features * 4 * 2 / 1e3:.1f} kB of options.features" in said
    )  # 8 pictures
    assert rehearse(folder, f"options.features={folder / 'kept'}", "options.features_gb=1e-6") == 0
    assert "up to 1.0 kB of" in capsys.readouterr().out


def test_what_a_run_has_saved_gives_room_to_what_takes_its_place(folder, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    assert rehearse(folder) == 2  # 1.8 MB are needed
    state = folder / "out" / "checkpoints" / "checkpoint-2"
    state.mkdir(parents=True)
    (state / "state").write_bytes(bytes(10**6))
    capsys.readouterr()
    assert rehearse(folder) == 0
    assert "of which 1.0 MB are there; 1.0 MB are free" in capsys.readouterr().out


def test_weights_that_were_cut_off(folder, capsys):
    path = folder / "start" / "segmenter.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert rehearse(folder) == 2
    assert "segmenter.safetensors is missing or damaged" in capsys.readouterr().err
    path.unlink()
    assert rehearse(folder) == 2
    assert "segmenter.safetensors is missing or damaged" in capsys.readouterr().err


def test_a_picture_that_is_gone(folder, capsys):
    (folder / "trees" / "own" / "a.png").unlink()
    assert rehearse(folder) == 2
    assert "a.png" in capsys.readouterr().err


def test_data_too_large_to_open_is_reckoned_by_drawn_scenes(folder, capsys, monkeypatch):
    monkeypatch.setattr(rehearsal, "SMALL", 10)
    assert rehearse(folder) == 0
    said = capsys.readouterr().out
    assert "too many to open here" in said and "batch      drawn scenes" in said
    assert re.search(r"activations +\d", said) and re.search(r"time +\d", said)


def test_scenes_that_a_model_without_rejection_is_not_asked_are_passed_over(folder, capsys, monkeypatch):
    monkeypatch.setattr(rehearsal, "SMALL", 10)
    assert rehearse(folder, "preset=lisa", "published=true") == 0
    assert re.search(r"activations +\d", capsys.readouterr().out)


def test_thoughts_and_reinforcement_are_reckoned_and_other_stages_are_said_not_to_be(folder, capsys):
    assert rehearse(folder, "objective=think") == 0
    assert re.search(r"activations +\d", capsys.readouterr().out)
    assert rehearse(folder, "objective=grpo", "options={longest: 9}", "train={lora_: 1e-3}") == 0
    said = capsys.readouterr().out
    assert re.search(r"activations +\d", said) and re.search(r"more while answers are written +\d", said)
    assert "batch      answers that all have the 9 tokens of options.longest" in said and "Tflop a step" in said
    assert rehearse(folder, "objective=segmenter", "options={}", "train={mask_decoder: 1e-3}", "lora=null") == 0
    said = capsys.readouterr().out
    assert (
        "activations  " not in said
        and "time       not reckoned, and no activations above: those of the objective segmenter" in said
    )


def test_kept_features_need_no_weights(folder, capsys):
    assert rehearse(folder, f"options.features={folder / 'kept'}") == 0
    assert not (folder / "kept").exists()


def test_machines_of_a_hostfile(folder, capsys):
    (folder / "hosts").write_text("one slots=2\ntwo slots=2\n")
    assert rehearse(folder, f"hosts={folder / 'hosts'}", "processes=2", "deepspeed=zero2") == 0
    said = capsys.readouterr().out
    assert "4 on one (2), two (2)" in said and "4 processes" in said


def test_processes_are_held_against_the_gpus_of_this_machine_unless_others_are_named(monkeypatch):
    monkeypatch.setattr(rehearsal.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(rehearsal.torch.cuda, "device_count", lambda: 1)
    gpu = namedtuple("gpu", "name total_memory")("a GPU", 10**9)
    monkeypatch.setattr(rehearsal.torch.cuda, "get_device_properties", lambda _: gpu)
    values = {"objective": "grounding", "init": "tiny", "out": "x", "train": {".": 1.0}, "steps": 1, "batch": 1}
    two = Recipe(**values, processes=2)
    with pytest.raises(ValueError, match="2 need a GPU each, and this machine has 1"):
        rehearsal._processes(two, {})
    assert rehearsal._processes(two, {"one": 4}).startswith("4 on one (4), each on a GPU")


def test_seven_billion_in_seconds():
    recipe = Recipe(
        objective="grounding", init="pinpoint", out="runs/x", train={"lora_": 1e-4}, steps=10, batch=1, frozen="bf16",
        tokenizer_texts=200, tokenizer_vocabulary=500, recompute=True,
    )  # fmt: skip
    from train.recipe import Lora

    recipe = Recipe(**{**vars(recipe), "lora": Lora(rank=8, targets=("q_proj", "v_proj"))})
    built = rehearsal.shapes(recipe)
    parts = {}
    for name, parameter in built.model.named_parameters():
        part = "lora" if "lora_" in name else name.split(".")[0]
        parts[part] = parts.get(part, 0) + parameter.numel()
    assert parts["lora"] == 32 * 2 * 8 * (4096 + 4096)
    assert parts["segmenter"] == 641_090_608  # sam_vit_h_4b8939.pth
    assert parts["backbone"] == pytest.approx(7.06e9, rel=0.01)  # llava-1.5-7b-hf
    data = built.module.dataset(built.model, built.options, 0, 1)
    batch = built.module.collate(built.model, [data[0]])
    work = budget._language(built.model.backbone, batch, half=True, recomputed=True)
    tokens, learned = batch.chat.ids.numel(), int((batch.chat.labels[:, 1:] != -100).sum())
    layers = 32 * (4 * 4096**2 + 3 * 4096 * 11008)
    tower = 24 * (4 * 1024**2 + 2 * 1024 * 4096) * 577 + (1024 * 4096 + 4096**2) * 576
    attention = 3 * 32 * 2 * 4096 * tokens**2 + 24 * 2 * 1024 * 577**2
    by_hand = 2 * (3 * layers * tokens + 3 * 4096 * 32064 * learned + tower + attention)
    assert work.operations == pytest.approx(by_hand, rel=0.01)
