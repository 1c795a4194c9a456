"""Whole runs through the DeepSpeed launcher, on a tiny model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import yaml
from PIL import Image

from model.grounding import GroundingModel
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]

RECIPE = {
    "objective": "grounding",
    "options": {"conversations": 2, "images": 1, "masks": 1, "corrected": 0.5},
    "train": {r"^model\.backbone\.": 1e-3, r"^model\.channels\.": 1e-3, r"^model\.segmenter\.mask_decoder\.": 1e-3},
    "batch": 2,
    "warmup": 1,
    "precision": "fp32",
    "workers": 0,
    "log_steps": 1,
    "save_steps": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint of random weights and a recipe that trains it."""
    made = tmp_path_factory.mktemp("run")
    tiny.model().save_pretrained(made / "start")
    recipe = {**RECIPE, "init": str(made / "start"), "out": str(made / "out"), "steps": 4}
    (made / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return made


def launch(folder, *overrides):
    words = [sys.executable, "-c", "import sys; from train.launch import main; sys.exit(main(sys.argv[1:]))"]
    done = subprocess.run(
        [*words, str(folder / "recipe.yaml"), *overrides],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # sums over several threads differ in their last digits
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def weights(out):
    return weights_of(out / "model")


@pytest.mark.slow
def test_a_run_in_two_pieces_equals_one_in_one_piece(folder):
    launch(folder, f"out={folder / 'whole'}")
    launch(folder, f"out={folder / 'pieces'}", "steps=2")
    launch(folder, f"out={folder / 'pieces'}", "steps=4")
    whole, pieces = weights(folder / "whole"), weights(folder / "pieces")
    assert whole.keys() == pieces.keys()
    astray = [name for name, value in whole.items() if not torch.equal(value, pieces[name])]
    assert not astray  # the same batches, draws, weights and moments, to the last bit
    begin = weights_of(folder / "start")
    moved = {name.split("/")[0] for name, value in whole.items() if not torch.equal(value, begin[name])}
    assert moved == {"model.safetensors", "channels.safetensors", "segmenter.safetensors"}
    assert {"recipe.yaml", "run.json", "model", "checkpoints"} <= {path.name for path in (folder / "whole").iterdir()}
    assert set(json.loads((folder / "whole" / "run.json").read_text())) >= {"commit", "versions", "seed", "command"}
    assert list((folder / "whole" / "checkpoints" / "runs").rglob("events.*"))


def weights_of(model_folder):
    made = {}
    for path in sorted(model_folder.rglob("*.safetensors")):
        made |= {f"{path.name}/{k}": v for k, v in safetensors.torch.load_file(path).items()}
    return made


@pytest.mark.slow
def test_adapters_are_merged_into_a_plain_checkpoint(folder):
    out = folder / "adapters"
    launch(folder, f"out={out}", "steps=2", "lora={rank: 2, alpha: 4}", "train={lora_: 1e-2}")
    begin, end = weights_of(folder / "start"), weights(out)
    assert begin.keys() == end.keys()
    changed = {name for name, value in end.items() if not torch.equal(value, begin[name])}
    assert changed and all("language_model" in name and "_proj" in name for name in changed)
    GroundingModel.from_pretrained(out / "model")


@pytest.mark.slow
def test_two_processes_under_zero_2_finish(folder):
    out = folder / "two"
    launch(folder, f"out={out}", "steps=2", "processes=2", "batch=1", "deepspeed=zero2")
    begin, end = weights_of(folder / "start"), weights(out)
    assert any(not torch.equal(value, begin[name]) for name, value in end.items())


@pytest.mark.slow
def test_a_wrong_recipe_starts_nothing(folder):
    from train.launch import main

    with pytest.raises(ValueError, match="did you mean 'steps'"):
        main([str(folder / "recipe.yaml"), "step=2"])
    assert not (folder / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_on_a_mixture_goes_on_in_the_middle_of_an_epoch(folder, workers):
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
    whole = launch(folder, f"out={out['mixed']}", *more)
    launch(folder, f"out={out['halves']}", "steps=2", *more)
    launch(folder, f"out={out['halves']}", "steps=4", *more)
    one, two = (weights(out[name]) for name in ("mixed", "halves"))
    assert not [name for name, value in one.items() if not torch.equal(value, two[name])]
    logged = whole.stdout + whole.stderr
    assert "own/train/learned" in logged and "own/train/mask_share" in logged
    both = launch(folder, f"out={folder / f'both{workers}'}", "steps=1", "processes=2", "deepspeed=zero2", *more)
    assert "'own/train/pictures': 3" in both.stdout + both.stderr  # of four, from both processes
