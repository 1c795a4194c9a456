"""Reinforcement by several processes, at ZeRO stages 0, 2 and 3: the same steps as by one."""

import json

import pytest

from tests.train import runs
from tests.train.test_grpo import RECIPE, START

SAME = ("loss", "reward", "kl", "entropy", "layers/ratio", "layers/entropy", "layers/reward", "rewards/mask/mean")


def run(folder, name, port, processes, *overrides):
    """A run of so many processes that have two questions a step between them."""
    given = [str(folder / "recipe.yaml"), f"out={folder / name}", f"batch={2 // processes}", *overrides]
    words = [*runs.TORCHRUN, "--nproc_per_node", str(processes), "--master_addr", "127.0.0.1"]
    runs.checked([*words, "--master_port", str(port), "-m", "tests.train.by_question", *given])
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recipe that trains the checkpoint that ships."""
    made = tmp_path_factory.mktemp("processes")
    runs.begin(made, {**RECIPE, "save_steps": 4}, START)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["zero0", "zero2", "zero3"])
def test_two_processes_take_the_steps_of_one(folder, free_port, stage):
    if not (folder / "one").exists():
        run(folder, "one", free_port, 1)
    out = run(folder, stage, free_port, 2, f"deepspeed={stage}")
    one, two = runs.lines(folder / "one"), runs.lines(out)
    assert sorted(one) == sorted(two) == [1, 2, 3, 4]
    assert any(abs(row["loss"]) > 1e-3 for row in one.values()) and one[4]["kl"] > 0
    far = {
        (step, name): (row[name], two[step][name])
        for step, row in one.items()
        for name in SAME
        if not abs(row[name] - two[step][name]) <= 1e-4 * max(1, abs(row[name]))  # not a number is far
    }
    assert not far
    if stage == "zero3":  # each process ends with a part; the losses above are of the whole
        return
    ends = [json.loads((out / f"end{number}.json").read_text()) for number in range(2)]
    assert ends[0] == ends[1]
