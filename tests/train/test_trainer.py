"""What a step draws."""

from types import SimpleNamespace

import pytest
import torch

from train.trainer import Micro, StageTrainer, _weight


def drawn(seed=0, process=0, steps=(0, 0, 1)):
    """What a trainer would draw before each batch of these steps."""
    stub = SimpleNamespace(
        recipe=SimpleNamespace(seed=seed), args=SimpleNamespace(process_index=process), state=None, _drawn=(-1, 0)
    )
    made = []
    for step in steps:
        stub.state = SimpleNamespace(global_step=step)
        StageTrainer._seed(stub)
        made.append(torch.rand(()).item())
    return made


def test_a_step_draws_by_seed_step_and_process_alone():
    whole = drawn(steps=(0, 0, 1, 1, 2))
    assert len(set(whole)) == 5  # accumulated batches draw apart
    assert drawn(steps=(1, 1, 2)) == whole[2:]
    assert not {*drawn(seed=1), *drawn(process=1)} & set(whole)


def test_a_micro_batch_counts_for_its_share_of_the_targets_of_all_processes():
    others = SimpleNamespace(count=2, sum=lambda own: [value + 6 for value in own])  # the other has six of each
    lots = [{"counts": {"ce": [1.0, 2.0], "bce": [0.0, 0.0]}}, {"counts": {"ce": [3.0], "bce": [2.0]}}]
    one, two = StageTrainer._micros(SimpleNamespace(processes=others), lots)
    assert (one.last, two.last) == (False, True)
    assert one.shares == {"ce": 2 * 3 / 12, "bce": 0.0}  # DeepSpeed takes the mean over two processes
    assert two.shares == {"ce": 2 * 3 / 12, "bce": 2 * 2 / 8}
    (uncounted,) = StageTrainer._micros(SimpleNamespace(processes=others), [{"counts": None}])
    assert uncounted.shares is None


def test_what_is_logged_weighs_as_many_targets_as_it_has():
    counts, sources = {"ce": [1.0, 2.0, 4.0]}, ("a/train", "world", "a/train")
    assert _weight("ce", counts, sources) == 7
    assert _weight("a/train/ce", counts, sources) == 5
    assert _weight("world/ce", counts, sources) == 2
    assert _weight("loss", counts, sources) == 1


@pytest.mark.parametrize(("shares", "expected"), [({"ce": 0.5}, 6.0), (None, 3.0)])
def test_what_is_learned_from_is_no_output_of_the_objective(shares, expected):
    """DeepSpeed, without ZeRO, divides the gradient of an output by the accumulated batches, as if nobody had."""
    output = torch.tensor(6.0, requires_grad=True)
    stub = SimpleNamespace(
        args=SimpleNamespace(device=torch.device("cpu")),
        recipe=SimpleNamespace(precision="fp32"),
        current_gradient_accumulation_steps=2,
        _seed=lambda: None,
        _noted=[],
    )
    inputs = {"batch": torch.zeros(()), "micro": Micro({}, shares, last=False)}
    loss = StageTrainer.compute_loss(stub, lambda *_: {"loss": output}, inputs)
    assert loss is not output and float(loss.detach()) == expected
