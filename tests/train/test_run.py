"""Whole runs through the DeepSpeed launcher, on a tiny model."""

import json
import logging

import pytest
import torch
from PIL import Image

from model.grounding import GroundingModel
from tests import tiny
from tests.train import runs
from train import run
from train.launch import main
from train.recipe import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def recipe(folder):
    return runs.begin(folder)


@pytest.fixture
def inside(monkeypatch):
    """A run is this process, and leaves it as it was."""
    monkeypatch.setattr(run, "Ends", object)
    monkeypatch.setattr(run, "end_workers", lambda: None)
    monkeypatch.setattr(logging.getLogger(), "handlers", [*logging.getLogger().handlers])


def done(recipe, out, **facts):
    """Leave a finished run of four steps in ``out``."""
    state = out / "checkpoints" / "checkpoint-4"
    state.mkdir(parents=True)
    (state / "trainer_state.json").write_text("{}")
    (out / "model").mkdir()
    run.rundir.describe(load(str(recipe), [f"out={out}"]), facts, 0)


def never(*_):
    raise AssertionError


def test_a_finished_run_that_is_started_again_stays_as_it_is(recipe, tmp_path, monkeypatch, inside):
    out = tmp_path / "out"
    done(recipe, out, commit="abc")
    held = {name: (out / name).read_text() for name in ("recipe.yaml", "run.json")}
    monkeypatch.setattr(run, "start", never)
    assert run.main([str(recipe), f"out={out}", "keep=2"]) == 0
    assert run.main([str(recipe), f"out={out}", "lora={rank: 2}", "train={lora_: 1e-3}"]) == 2
    assert {name: (out / name).read_text() for name in held} == held


def test_a_state_is_not_gone_on_from_by_another_run(recipe, tmp_path, monkeypatch, inside, capsys):
    out = tmp_path / "out"
    done(recipe, out)
    monkeypatch.setattr(run, "start", never)
    monkeypatch.setenv("WORLD_SIZE", "2")
    run.rundir.describe(load(str(recipe), [f"out={out}"]), {"processes": 1}, 0)
    assert run.main([str(recipe), f"out={out}", "steps=6"]) == 2
    assert "holds 4 steps of another run (processes: 1 there, 2 here)" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["deepspeed=zero9", "options.masks=0"])
def test_what_cannot_work_is_one_line_without_the_launcher(recipe, tmp_path, inside, capsys, wrong):
    assert run.main([str(recipe), f"out={tmp_path / 'out'}", wrong]) == 2
    assert capsys.readouterr().err.count("\npinpoint train: ") == 1
    assert not (tmp_path / "out").exists()


def test_the_log_says_why_a_run_ended_and_what_its_parts_said(recipe, tmp_path, monkeypatch, inside, capsys):
    out = tmp_path / "out"
    (out / ".model-abcd1234").mkdir(parents=True)

    def start(_):
        logging.getLogger("data.mixture").warning("a sample is left out")
        raise errors.pop()

    errors = [KeyboardInterrupt(), ZeroDivisionError("by nought"), ValueError("it cannot\nwork")]
    monkeypatch.setattr(run, "start", start)
    monkeypatch.setattr(run, "worker_died", lambda: False)
    words = [str(recipe), f"out={out}"]
    assert run.main(words) == 2
    assert not (out / ".model-abcd1234").exists()
    lines = (out / "log.txt").read_text().splitlines()
    assert lines == ["a sample is left out", "pinpoint train: it cannot work"]
    with pytest.raises(ZeroDivisionError):
        run.main([*words, "--restart"])
    lines = (out / "log.txt").read_text().splitlines()
    assert lines[:2] == ["a sample is left out", "Traceback (most recent call last):"]
    assert lines[-1] == "ZeroDivisionError: by nought"
    assert run.main([*words, "--restart"]) == 130
    assert "ended at once" in (out / "log.txt").read_text() and "ended at once" in capsys.readouterr().err


class Enough(Exception):
    pass


def test_adapters_begin_alike_whatever_the_model_has_beside_the_language_model(folder, recipe, monkeypatch):
    made = []

    def attach(model, how):
        original(model, how)
        made.append({name: p.detach().clone() for name, p in model.named_parameters() if "lora_A" in name})
        raise Enough

    original = run.lora.attach
    monkeypatch.setattr(run.lora, "attach", attach)
    monkeypatch.setattr(run, "Ends", object)
    monkeypatch.setattr(run, "first_process", lambda: False)
    tiny.model(channels={"points": {}}, layer={"policy": "sampled", "baseline": "critic"}).save_pretrained(
        folder / "other"
    )
    for begin, seed in (("start", 0), ("other", 0), ("start", 1)):
        words = [f"init={folder / begin}", f"seed={seed}", "lora={rank: 2, alpha: 4}", f"out={folder / 'begun'}"]
        with pytest.raises(Enough):
            run.train(load(str(recipe), words))
    one, two, other = made
    assert one.keys() == two.keys() and one
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert not any(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.slow
def test_a_run_in_two_pieces_equals_one_in_one_piece(folder, recipe):
    runs.launched(recipe, f"out={folder / 'whole'}")
    runs.launched(recipe, f"out={folder / 'pieces'}", "steps=2")
    runs.launched(recipe, f"out={folder / 'pieces'}", "steps=4")
    whole = runs.weights(folder / "whole")
    assert not runs.astray(whole, runs.weights(folder / "pieces"))  # batches, draws, weights, moments: to the last bit
    moved = {name.split("/")[0] for name in runs.astray(whole, runs.weights(folder / "start"))}
    assert moved == {"model.safetensors", "channels.safetensors", "segmenter.safetensors"}
    assert {"recipe.yaml", "run.json", "log.txt", "log.jsonl", "model", "checkpoints"} <= {
        path.name for path in (folder / "whole").iterdir()
    }
    told = json.loads((folder / "whole" / "run.json").read_text())
    assert set(told) >= {"commit", "versions", "seed", "command"} and told["processes"] == 1
    pieces = json.loads((folder / "pieces" / "run.json").read_text())
    assert pieces["from_step"] == 2 and [start["from_step"] for start in pieces["earlier"]] == [0]
    model = tiny.model()
    drawn = (model.segmenter.mask_decoder, model.segmenter.prompt_encoder)
    assert told["learn"] == {
        "model.backbone": sum(p.numel() for p in model.backbone.parameters()),
        "model.channels": sum(p.numel() for p in model.channels.parameters()),
        "model.segmenter": sum(p.numel() for part in drawn for p in part.parameters()),
    }
    lines = [json.loads(line) for line in (folder / "whole" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line.get("seconds_per_step", 0) > 0] == [2, 3, 4]
    assert list((folder / "whole" / "checkpoints" / "runs").rglob("events.*"))


@pytest.mark.slow
def test_restart_throws_the_earlier_run_away(folder, recipe, free_port):
    out, other = folder / "again", ["steps=1", "lora={rank: 2, alpha: 4}", "train={lora_: 1e-2}"]
    runs.alone(recipe, free_port, f"out={out}", "steps=2")
    refused = runs.alone(recipe, free_port, f"out={out}", *other, code=2)
    assert "holds 2 steps of another run" in refused.stderr and "Traceback" not in refused.stderr
    runs.alone(recipe, free_port, f"out={out}", *other, "--restart")
    assert list(runs.lines(out)) == [1] and json.loads((out / "run.json").read_text())["earlier"] == []
    assert [path.name for path in (out / "checkpoints").glob("checkpoint-*")] == ["checkpoint-1"]


@pytest.mark.slow
def test_adapters_are_merged_into_a_plain_checkpoint(folder, recipe):
    out = folder / "adapters"
    runs.launched(recipe, f"out={out}", "steps=2", "lora={rank: 2, alpha: 4}", "train={lora_: 1e-2}")
    changed = runs.astray(runs.weights(folder / "start"), runs.weights(out))
    assert changed and all("language_model" in name and "_proj" in name for name in changed)
    GroundingModel.from_pretrained(out / "model")


@pytest.mark.slow
def test_two_processes_under_zero_2_finish(folder, recipe):
    out = folder / "two"
    runs.launched(recipe, f"out={out}", "steps=2", "processes=2", "batch=1", "deepspeed=zero2")
    assert runs.astray(runs.weights(folder / "start"), runs.weights(out))


def test_a_wrong_recipe_starts_nothing(folder, recipe):
    with pytest.raises(ValueError, match="did you mean 'steps'"):
        main([str(recipe), "step=2"])
    assert not (folder / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_on_a_mixture_goes_on_in_the_middle_of_an_epoch(folder, recipe, workers):
    own = folder / f"trees{workers}" / "own"
    own.mkdir(parents=True)
    lines = []
    for index in range(5):
        Image.new("RGB", (64, 48), (40 * index, 90, 10)).save(own / f"{index}.png")
        targets = [{"phrase": "the cup", "mask": [[4, 4, 40, 4, 40, 30 + index, 4, 30]]}, {"phrase": "the lamp"}]
        lines += [{"image": f"{index}.png", "question": "What is here?", "targets": targets[:1]}]
        lines += [{"image": f"{index}.png", "question": f"And what is {word}?", "targets": targets} for word in "ab"]
    (own / "pinpoint.jsonl").write_text("\n".join(map(json.dumps, lines)))
    options = f"{{conversations: 2, images: 1, masks: 1, data: {{own: 3, world: 1}}, root: {own.parent}}}"
    more = [f"options={options}", f"workers={workers}"]
    out = {name: folder / f"{name}{workers}" for name in ("mixed", "halves")}
    whole = runs.launched(recipe, f"out={out['mixed']}", *more)
    runs.launched(recipe, f"out={out['halves']}", "steps=2", *more)
    runs.launched(recipe, f"out={out['halves']}", "steps=4", *more)
    assert not runs.astray(*(runs.weights(out[name]) for name in ("mixed", "halves")))
    logged = whole.stdout + whole.stderr
    assert "own/train/learned" in logged and "own/train/mask_share" in logged
    more += ["steps=1", "processes=2", "deepspeed=zero2"]
    both = runs.launched(recipe, f"out={folder / f'both{workers}'}", *more)
    assert "'own/train/pictures': 3" in both.stdout + both.stderr  # of four, from both processes
