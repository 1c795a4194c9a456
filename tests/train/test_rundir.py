import json
import os
import signal
import subprocess
import sys

import pytest
import yaml

from train import rundir
from train.recipe import Lora, Recipe


def recipe(out, **changes):
    values = {"objective": "grounding", "init": "tiny", "out": str(out), "train": {".": 1e-3}, "steps": 4, "batch": 2}
    return Recipe(**{**values, **changes})


def begun(out, steps=2, facts=None, **changes):
    """A run that has a state."""
    out.mkdir(exist_ok=True)
    rundir.describe(recipe(out, **changes), facts or {}, 0)
    state = out / "checkpoints" / f"checkpoint-{steps}"
    state.mkdir(parents=True)
    (state / "trainer_state.json").write_text("{}")


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 9, "warmup": 3, "decay": 2, "decay_shape": "linear"},
        {"keep": 3, "save_steps": 7, "save_minutes": 1.0, "log_steps": 2, "report": ("wandb",), "explodes": 9.0},
        {"validate_steps": 2, "validate_count": 5, "workers": 2, "recompute": True, "bucket": False},
        {"options": {"features": "there", "features_gb": 3.0, "root": "elsewhere", "faults": "skip"}},
        {"options": {"conversations": 8}},  # as it is anyhow
    ],
)
def test_a_run_goes_on_under_settings_that_do_not_make_it_another(tmp_path, changes):
    begun(tmp_path)
    rundir.check(recipe(tmp_path, **changes), 1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"objective": "segmenter"}, "objective: grounding there, segmenter here"),
        ({"init": "pinpoint"}, "init: tiny there, pinpoint here"),
        ({"take": {"tower": "tiny"}}, r"take\.tower: None there, tiny here"),
        ({"train": {".": 1e-4}}, "train.*: 0.001 there, 0.0001 here"),
        ({"lora": Lora(rank=3)}, r"lora\.rank: None there, 3 here"),
        ({"options": {"mark": 3.0}}, r"options\.mark: 2.0 there, 3.0 here"),
        ({"batch": 4}, "batch: 2 there, 4 here"),
        ({"accumulate": 4}, "accumulate: 1 there, 4 here"),
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"first": 5}, "first: 0 there, 5 here"),
        ({"deepspeed": "zero2"}, "deepspeed: zero0 there, zero2 here"),
        ({"seed": 1, "first": 5, "batch": 4, "clip": 2.0}, "and 1 more"),
    ],
)
def test_a_run_does_not_go_on_as_another(tmp_path, changes, says):
    begun(tmp_path)
    with pytest.raises(ValueError, match=rf"holds 2 steps of another run \(.*{says}") as error:
        rundir.check(recipe(tmp_path, **changes), 1)
    assert "\n" not in str(error.value)
    rundir.check(recipe(tmp_path, **changes), 1, restart=True)


def test_without_a_state_any_run_may_begin(tmp_path):
    rundir.describe(recipe(tmp_path), {}, 0)
    rundir.check(recipe(tmp_path, seed=1), 1)


def test_another_number_of_processes_is_another_run(tmp_path):
    begun(tmp_path, facts={"processes": 2}, processes=2)
    rundir.check(recipe(tmp_path, hosts="machines"), 2)
    with pytest.raises(ValueError, match="processes: 2 there, 1 here"):
        rundir.check(recipe(tmp_path), 1)


def test_a_folder_is_the_same_however_it_is_called(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    (tmp_path / "there").symlink_to(tmp_path)
    begun(tmp_path / "other", init="one", take={"tower": "two"}, facts={"folder": str(tmp_path)})
    given = {"init": str(tmp_path / "one"), "take": {"tower": str(tmp_path / "two")}}
    rundir.check(recipe(tmp_path / "other", **given), 1)
    monkeypatch.chdir(tmp_path)
    rundir.check(recipe(tmp_path / "other", init="there/one", take={"tower": "./two"}), 1)
    with pytest.raises(ValueError, match=r"init: .*one there, .*two here"):
        rundir.check(recipe(tmp_path / "other", **given | {"init": "two"}), 1)


def test_a_recipe_of_another_version_goes_on(tmp_path):
    begun(tmp_path, options={"mark": 3.0})
    path = tmp_path / "recipe.yaml"
    held = yaml.safe_load(path.read_text())
    del held["explodes"], held["clip"]
    held |= {"gone": 1, "warmup": -1}  # what is refused by now and may be changed is no hindrance
    held["options"]["gone"] = 1
    path.write_text(yaml.safe_dump(held))
    rundir.check(recipe(tmp_path, options={"mark": 3.0}), 1)
    with pytest.raises(ValueError, match=r"clip: 1\.0 there, 2\.0 here"):
        rundir.check(recipe(tmp_path, options={"mark": 3.0}, clip=2.0), 1)
    path.write_text("[")
    with pytest.raises(ValueError, match="is damaged"):
        rundir.check(recipe(tmp_path), 1)


def test_earlier_starts_stay_with_the_run(tmp_path):
    for step, commit in ((0, "a"), (0, "b"), (2, "c"), (4, "d")):
        rundir.describe(recipe(tmp_path), {"commit": commit}, step)
    told = json.loads((tmp_path / "run.json").read_text())
    assert (told["commit"], told["from_step"]) == ("d", 4)
    assert [(start["commit"], start["from_step"]) for start in told["earlier"]] == [("b", 0), ("c", 2)]


def test_restart_throws_away_a_run_and_nothing_else(tmp_path):
    (tmp_path / "home" / "checkpoints").mkdir(parents=True)
    (tmp_path / "home" / "recipe.yaml").touch()
    with pytest.raises(ValueError, match=r"--restart: .*home holds files and no run"):
        rundir.check(recipe(tmp_path / "home"), 1, restart=True)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file"):
        rundir.check(recipe(tmp_path / "file"), 1, restart=True)
    rundir.check(recipe(tmp_path / "new"), 1, restart=True)
    begun(tmp_path / "run", seed=1)
    for out in (tmp_path / "new", tmp_path / "run"):
        rundir.check(recipe(out), 1, restart=True)
        with rundir.claimed(out):
            (out / "log.txt").touch()
            (out / "outside").symlink_to(tmp_path / "home")
            rundir.clear(out)
            assert [path.name for path in out.iterdir()] == [".lock"]
        rundir.check(recipe(out), 1, restart=True)
    assert (tmp_path / "home" / "recipe.yaml").exists()


HOLDS = """
import os, sys, time
from pathlib import Path
from train.rundir import claimed
with claimed(Path(sys.argv[1])):
    worker = os.fork()
    if worker:
        print(worker, flush=True)
    time.sleep(100)
"""


def test_one_run_at_a_time_is_at_work_in_a_folder(tmp_path):
    """A data worker that outlives its process does not keep the folder."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    worker = int(holder.stdout.readline())
    try:
        with pytest.raises(ValueError, match=rf"in use: process {holder.pid} on "), rundir.claimed(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with rundir.claimed(tmp_path):
            assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()} on ")
    finally:
        holder.kill()
        os.kill(worker, signal.SIGKILL)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"out: .* cannot be written"), rundir.claimed(tmp_path / "file" / "out"):
        pass
