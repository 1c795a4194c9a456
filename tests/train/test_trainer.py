"""What a step draws."""

from types import SimpleNamespace

import torch

from train.trainer import StageTrainer


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
