"""The step that comes apart, in one process and without a run."""

import json
from types import SimpleNamespace

import pytest
import torch

from train.guarded import Guarded
from train.processes import Processes
from train.watch import Watch


def stub(folder, weight=0.0):
    """What looks at a step, of two processes of which this is the first; the other has a loss of 1."""
    made = SimpleNamespace(
        recipe=SimpleNamespace(out=str(folder)),
        state=SimpleNamespace(global_step=3),
        watch=Watch(10),
        model=torch.nn.Linear(1, 1),
        processes=Processes.alone(),
        saved=[],
        resumable=True,
    )
    made.processes.count = 2
    made.processes.sum = lambda own: [value + 1 for value in own]
    made.processes.any = bool
    torch.nn.init.constant_(made.model.weight, weight)
    made._stop = lambda *given: Guarded._stop(made, *given)
    made._save_checkpoint = lambda *_: made.saved.append(made.state.global_step)
    return made


def test_the_loss_of_a_step_is_the_mean_over_processes_of_their_sums(tmp_path):
    one = stub(tmp_path)
    Guarded.look(one, [{"loss": 2.0}, {"loss": 3.0}], [[], []])
    assert list(one.watch._seen) == [3.0]


def test_a_step_that_comes_apart_is_written_down_and_the_state_before_saved(tmp_path):
    one, losses, samples = stub(tmp_path), [{"loss": float("inf"), "ce": 1.0}], [[["a", "b"], ["c"]]]
    with pytest.raises(FloatingPointError, match=r"became inf at step 4; the state before is in checkpoint-3"):
        Guarded.look(one, losses, samples)
    assert one.saved == [3]
    told = json.loads((tmp_path / "stopped.json").read_text())
    assert told == {"step": 3, "reason": "the loss became inf", "processes": [{"losses": losses, "samples": samples}]}


def test_broken_weights_are_not_saved(tmp_path):
    one = stub(tmp_path, weight=float("nan"))
    with pytest.raises(FloatingPointError, match="weights are broken already"):
        Guarded.look(one, [{"loss": float("nan")}], [[]])
    assert not one.saved


def test_a_state_that_no_run_could_go_on_from_is_not_saved(tmp_path):
    one = stub(tmp_path)
    one.resumable = False
    with pytest.raises(FloatingPointError, match="the last checkpoint stays"):
        Guarded.look(one, [{"loss": float("nan")}], [[]])
    assert not one.saved and (tmp_path / "stopped.json").is_file()
