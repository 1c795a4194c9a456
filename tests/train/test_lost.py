"""Nothing that ends a run costs more than the steps since its last checkpoint."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.train import runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lost")


@pytest.fixture(scope="module")
def recipe(folder):
    return runs.begin(folder)


@pytest.fixture(scope="module")
def whole(folder, recipe):
    """A run that nothing ends."""
    runs.launched(recipe, f"out={folder / 'whole'}", "steps=6")
    return folder / "whole"


def same(whole, out):
    """Losses and weights to the last bit."""
    one, two = runs.lines(whole), runs.lines(out)
    assert {step: row["loss"] for step, row in one.items()} == {step: row["loss"] for step, row in two.items()}
    assert not runs.astray(runs.weights(whole), runs.weights(out))


@pytest.mark.slow
def test_a_crash_in_the_middle_of_a_save_goes_on_from_the_save_before(folder, recipe, whole, free_port):
    out = folder / "cut"
    before = """
import os, signal
from train import saving
how = saving.publish
def publish(staged, path):
    if path.name == "checkpoint-4":
        os.kill(os.getpid(), signal.SIGKILL)
    how(staged, path)
saving.publish = publish
"""
    runs.alone(recipe, free_port, f"out={out}", "steps=6", before=before, code=-signal.SIGKILL)
    assert not list(Path("/dev/shm").glob(f"deepspeed_*_{free_port}_*"))  # no memory is held by who is gone
    assert sorted(path.name for path in (out / "checkpoints").glob("checkpoint-*")) == ["checkpoint-2"]
    assert (out / "checkpoints" / ".saving").exists()
    done = runs.alone(recipe, free_port, f"out={out}", "steps=6")
    assert "going on from step 2" in done.stderr
    same(whole, out)
    assert not (out / "checkpoints" / ".saving").exists()


@pytest.mark.slow
def test_told_to_stop_it_saves_and_goes_on_later(folder, recipe, whole):
    out = folder / "told"
    given = [str(recipe), f"out={out}", "steps=30", "save_steps=100", "workers=1", "processes=2", "batch=1"]
    words = [*runs.LAUNCHER, *given]
    run = subprocess.Popen(words, cwd=runs.ROOT, env=runs.ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    for _ in range(4800):
        if (out / "log.jsonl").is_file() and len((out / "log.jsonl").read_text().splitlines()) >= 2:
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGTERM)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 143, said[-3000:]
    (left,) = (out / "checkpoints").glob("checkpoint-*")
    step = int(left.name.rpartition("-")[2])
    assert 2 <= step < 30 and f"stopped after step {step}" in said
    assert "Traceback" not in said
    runs.launched(recipe, *given[1:])
    runs.launched(recipe, f"out={folder / 'untold'}", *given[2:])
    same(folder / "untold", out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoilt", "says"), [("float('nan')", "the loss became nan"), ("1e6", "the loss rose to")], ids=["nan", "explodes"]
)
def test_a_run_that_comes_apart_says_on_what_and_saves_the_state_before(folder, recipe, whole, free_port, spoilt, says):
    out = folder / f"apart{spoilt[0]}"
    before = f"""
import train.watch
train.watch.FEWEST = 2
from train.objectives import grounding
how, seen = grounding.Objective.forward, []
def forward(self, batch, shares=None):
    parts = how(self, batch, shares)
    seen.append(1)
    return parts if len(seen) != 4 else {{**parts, "loss": parts["loss"] * {spoilt}}}
grounding.Objective.forward = forward
"""
    done = runs.alone(recipe, free_port, f"out={out}", "steps=6", before=before, code=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pinpoint train:")]
    assert says in line and "at step 4" in line and "Traceback" not in done.stderr
    told = json.loads((out / "stopped.json").read_text())
    assert told["step"] == 3 and told["reason"].startswith(says.split(" to ")[0])
    named = [name for picture in told["processes"][0]["samples"][0] for name in picture]
    assert named and all(name.startswith("train-") for name in named)
    runs.alone(recipe, free_port, f"out={out}", "steps=6")  # what spoilt it is gone
    same(whole, out)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_costs_no_checkpoint(folder, recipe, whole, free_port):
    out = folder / "full"
    before = """
import shutil
from collections import namedtuple
from train import saving
disk, calls = namedtuple("disk", "total used free"), []
def usage(_):
    calls.append(1)
    return disk(2, 1, 10**12 if len(calls) == 1 else 2**20)
saving.shutil.disk_usage = usage
"""
    done = runs.alone(recipe, free_port, f"out={out}", "steps=6", before=before, code=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pinpoint train:")]
    assert "is full" in line and "Traceback" not in done.stderr
    runs.alone(recipe, free_port, f"out={out}", "steps=6")
    same(whole, out)


@pytest.mark.slow
def test_a_disk_that_fills_while_saving_leaves_the_save_before(folder, recipe, whole, free_port):
    out = folder / "filled"
    before = """
import errno
import torch
how = torch.save
def save(thing, file, *args, **more):
    if "checkpoint-4" in str(getattr(file, "name", file)):
        raise OSError(errno.ENOSPC, "No space left on device")
    return how(thing, file, *args, **more)
torch.save = save
"""
    done = runs.alone(recipe, free_port, f"out={out}", "steps=6", before=before, code=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pinpoint train:")]
    assert "is full" in line and "Traceback" not in done.stderr
    assert [path.name for path in (out / "checkpoints").glob("*-*")] == ["checkpoint-2"]
    runs.alone(recipe, free_port, f"out={out}", "steps=6")
    same(whole, out)


@pytest.mark.slow
def test_a_dead_data_worker_is_one_line(folder, recipe, free_port):
    before = """
import os, signal
from train.conversations import Conversations
how = Conversations.__getitem__
def item(self, index):
    if index == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return how(self, index)
Conversations.__getitem__ = item
"""
    done = runs.alone(recipe, free_port, f"out={folder / 'dead'}", "workers=1", before=before, code=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pinpoint train:")]
    assert "a data worker died" in line and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_data_worker_that_dies_while_it_hands_a_batch_over_is_one_line(folder, recipe, free_port):
    before = """
import multiprocessing, signal, time
from torch.multiprocessing import reductions
how = reductions.rebuild_storage_fd
def late(*given):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # before torch has noticed
    for child in multiprocessing.active_children():
        child.kill()
    time.sleep(1)
    multiprocessing.process.BaseProcess.is_alive = lambda self: True
    return how(*given)
late.__module__, late.__qualname__ = how.__module__, how.__qualname__
reductions.rebuild_storage_fd = late
"""
    done = runs.alone(recipe, free_port, f"out={folder / 'late'}", "workers=1", before=before, code=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pinpoint train:")]
    assert "a data worker died (Connection" in line and "Traceback" not in done.stderr


@pytest.mark.slow
def test_validation_keeps_the_best_and_the_newest(folder, recipe, free_port):
    """The best of three is the first by what the run is told; its checkpoint stays, with the newest."""
    out = folder / "validated"
    before = """
from eval.protocols import Protocol
how, told = Protocol.summarise, iter([0.5, 0.3, 0.4])
Protocol.summarise = lambda self, rows: {**how(self, rows), "gIoU": next(told)}
"""
    more = ["validate_steps=2", "validate_count=3", "save_steps=1", "steps=6"]
    runs.alone(recipe, free_port, f"out={out}", *more, before=before)
    kept = sorted(path.name for path in (out / "checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-2", "checkpoint-6"]
    assert runs.lines(out, "val/giou")[4]["val/giou"] == 0.3
