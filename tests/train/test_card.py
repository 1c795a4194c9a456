"""What a model card says of a model's parts."""

import json

import pytest
import yaml

from app.cli import main
from tests import families, tiny
from tests.train import runs
from train.card import card, keep


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "| sees | clip_vision_model at 64 pixels |"),
        ({"backbone": families.part("llava_next")}, "| sees | clip_vision_model at 32 pixels |"),
        ({"backbone": families.part("qwen3_vl")}, "qwen3_vl at each picture's own shape, up to 3,072 pixels |"),
        ({"backbone": families.part("qwen3_vl", square=48)}, "| sees | a tower of qwen3_vl at 48 pixels |"),
    ],
)  # fmt: skip
def test_it_says_what_is_known_of_every_family(tmp_path, changes, says):
    model = tiny.model(**changes)
    model.save_pretrained(tmp_path)
    text = card(tmp_path, None, "owner/name")
    assert says in text and "None" not in text
    assert f"- {model.config.backbone.family}\n- sam\n" in text


@pytest.fixture
def run(tmp_path):
    """A run that two processes have taken to step 120 of 200, as its files tell."""
    folder = tmp_path / "run"
    tiny.model().save_pretrained(folder / "model")
    recipe = {"init": "tiny", "steps": 200, "batch": 2, "accumulate": 3, "train": {"lora_": 0.001}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "run.json").write_text(json.dumps({"commit": "abc123"}))
    for step in (80, 120):
        saved = folder / "checkpoints" / f"checkpoint-{step}"
        saved.mkdir(parents=True)
        for name in ("trainer_state.json", "rng_state_0.pth", "rng_state_1.pth"):
            (saved / name).touch()
    return folder


def test_it_counts_the_steps_that_were_taken_by_the_processes_that_took_them(run):
    text = card(run / "model", run, "owner/name")
    assert "| steps | 120 of 12 images |" in text and "| steps of the recipe | 200 |" in text
    last = run / "checkpoints" / "checkpoint-120"
    last.rename(last.with_name("checkpoint-200"))
    text = card(run / "model", run, "owner/name")
    assert "| steps | 200 of 12 images |" in text and "steps of the recipe" not in text


@pytest.mark.slow
def test_a_run_of_two_processes_tells_of_both(tmp_path):
    runs.launched(runs.begin(tmp_path), "steps=1", "batch=1", "processes=2")
    (tmp_path / "out" / "run.json").unlink()  # whatever it says
    assert "| steps | 1 of 2 images |" in card(tmp_path / "out" / "model", tmp_path / "out", "owner/name")


def test_a_checkpoint_that_lies_elsewhere_has_what_it_tells_of_its_run(run, tmp_path, capsys):
    tiny.model().save_pretrained(tmp_path / "merged")
    keep(run, run / "checkpoints" / "checkpoint-80", 80, tmp_path / "merged")
    assert main(["push", str(tmp_path / "merged"), "owner/name", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "| steps | 80 of 12 images |" in said and "| commit | abc123 |" in said
