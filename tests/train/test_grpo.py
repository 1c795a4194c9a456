"""The reinforcement stage: its losses by hand, and whole runs through the DeepSpeed launcher."""

import json
import math
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from data.world.world import World
from model.grounding import GroundingModel
from model.predictor import Predictor
from tests.train import runs
from train.grpo import GroupTrainer
from train.rollouts import Actions

START = runs.ROOT / "checkpoints" / "tiny"
RECIPE = {
    **runs.RECIPE,
    "objective": "grpo",
    "options": {
        "generations": 3,
        "longest": 32,
        "temperature": 1.5,
        "kl": 0.05,
        "layer": {"policy": "group", "draws": 3, "lean": 3.0},
        "rewards": {"mask": 1.0, "rejection": 0.5, "format": 0.2, "count": 0.2},
    },
    "lora": {"rank": 2, "alpha": 4},
    "train": {"lora_": 1e-3, r"^model\.policy\.": 1e-2},
}


def layer_loss(known, actions, iterations=1):
    """The trainer's sum over the marks of one answer, without a trainer."""
    model = SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(layer=SimpleNamespace(entropy=0.1))))
    stub = SimpleNamespace(
        _layers=[known],
        _now=[SimpleNamespace(actions=actions)],
        model=model,
        accelerator=SimpleNamespace(unwrap_model=lambda one: one, reduce=lambda value, reduction: value),
        num_iterations=iterations,
        epsilon_low=0.2,
        epsilon_high=0.2,
        _metrics={"train": defaultdict(list)},
    )
    return GroupTrainer._layer_loss(stub), stub._metrics["train"]


def test_each_draw_is_clipped_by_its_own_ratio():
    known = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])).requires_grad_()
    old = torch.log(torch.tensor([[0.4], [0.4]]))  # of the drawn layers 0 and 2 of the second mark
    actions = Actions(torch.tensor([1]), torch.tensor([[1], [2]]), old, torch.tensor([[0.9], [0.5]]))
    loss, noted = layer_loss(known, actions, iterations=2)
    # Rewards 0.9 and 0.5: deviation 0.2, advantages 1 and -1; ratios 0.8 / 0.4 = 2 and 0.1 / 0.4 = 0.25.
    surrogate = (min(2 * 1, 1.2 * 1) + min(0.25 * -1, 0.8 * -1)) / 2
    entropy = -(0.1 * math.log(0.1) * 2 + 0.8 * math.log(0.8))
    assert float(loss.detach()) == pytest.approx(-surrogate - 0.1 * entropy, abs=1e-5)
    assert noted["layers/ratio"] == [pytest.approx((2 + 0.25) / 2)]
    assert noted["layers/clipped"] == [1.0]


def test_at_first_the_gradient_is_that_of_the_log_probability():
    known = torch.log(torch.tensor([[0.1, 0.8, 0.1]])).requires_grad_()
    actions = Actions(torch.tensor([0]), torch.tensor([[1], [2]]), torch.zeros(2, 1), torch.tensor([[0.9], [0.5]]))
    loss, noted = layer_loss(known, actions)
    assert noted["layers/ratio"] == [1.0] and noted["layers/clipped"] == [0.0]
    (gradient,) = torch.autograd.grad(loss, known)
    entropy = torch.tensor([[0.1, 0.8, 0.1]])
    expected = torch.tensor([[0.0, -0.5, 0.5]]) + 0.1 * entropy * (entropy.log() + 1)
    torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-5)


def test_a_process_without_a_draw_still_has_a_gradient():
    known = torch.zeros(0, 3, requires_grad=True)
    loss, noted = layer_loss(known, None)
    assert loss.requires_grad and float(loss.detach()) == 0 and not noted


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("grpo")


@pytest.fixture(scope="module")
def recipe(folder):
    """It trains the checkpoint that ships: one of random weights hardly ever writes a mark."""
    return runs.begin(folder, RECIPE, START)


@pytest.mark.slow
def test_a_run_begins_at_its_reference_learns_and_goes_on_where_it_stopped(folder, recipe):
    runs.launched(recipe, f"out={folder / 'whole'}")
    lines = runs.lines(folder / "whole")
    assert lines[1]["kl"] == 0.0 and lines[1]["layers/ratio"] == 1.0  # nothing has moved yet
    assert lines[4]["kl"] > 0
    assert {"reward", "rewards/mask/mean", "rewards/count/mean", "layers/reward", "entropy"} <= set(lines[1])
    begin, end = runs.weights(START), runs.weights(folder / "whole")
    assert end.keys() - begin.keys() == {"policy.safetensors/weight"}
    moved = runs.astray(begin, {name: end[name] for name in begin})
    assert moved and all("language_model" in name and "_proj" in name for name in moved)
    rows = [json.loads(line) for line in (folder / "whole" / "rollouts.jsonl").read_text().splitlines()]
    assert len(rows) == 4 * 2 * 3 and any("layers" in row for row in rows)
    assert all(abs(sum(row["advantage"] for row in rows[start : start + 3])) < 1e-2 for start in range(0, 24, 3))
    assert len(list((folder / "whole" / "pictures").glob("*.png"))) == 4
    assert list((folder / "whole" / "checkpoints" / "runs").rglob("events.*"))

    runs.launched(recipe, f"out={folder / 'pieces'}", "steps=2")
    runs.launched(recipe, f"out={folder / 'pieces'}", "steps=4")
    assert not runs.astray(end, runs.weights(folder / "pieces"))
    again = [json.loads(line) for line in (folder / "pieces" / "rollouts.jsonl").read_text().splitlines()]
    assert again == rows


@pytest.mark.slow
def test_the_finished_checkpoint_answers(folder, recipe):
    out = folder / "answers"
    runs.launched(recipe, f"out={out}", "steps=2")
    predictor = Predictor(GroundingModel.from_pretrained(out / "model"))
    assert predictor.model.config.layer.policy == "group"
    row = json.loads((out / "rollouts.jsonl").read_text().splitlines()[0])
    predictor.set_image(World("train", 1).facts(0).image)
    assert predictor.ask(row["question"]).segments


@pytest.mark.slow
def test_answers_used_twice_leave_the_ratio_of_one(folder, recipe):
    out = folder / "twice"
    runs.launched(recipe, f"out={out}", "options.reuse=2", "accumulate=2", "batch=1")
    lines = runs.lines(out)
    assert lines[1]["layers/ratio"] == pytest.approx(1.0, abs=1e-4)
    assert lines[1]["kl"] == pytest.approx(0.0, abs=1e-6)
    assert abs(lines[4]["layers/ratio"] - 1.0) > 1e-3  # the first step warms up at a rate of 0
    assert ["reward" in lines[step] for step in range(1, 5)] == [True, False, True, False]


@pytest.mark.slow
@pytest.mark.parametrize(("spoilt", "says"), [("float('nan')", "the loss became nan"), ("1e6", "the loss rose to")])
def test_a_run_that_comes_apart_says_on_what_and_saves_the_state_before(folder, recipe, free_port, spoilt, says):
    """The third of its micro-batches is spoilt, the first one of the second step."""
    out = folder / f"apart{spoilt[0]}"
    before = f"""
import train.watch
train.watch.FEWEST = 1
from trl import GRPOTrainer
how, seen = GRPOTrainer._compute_loss, []
def spoil(self, *given):
    loss = how(self, *given)
    seen.append(1)
    return loss if len(seen) != 3 else loss * 0 + {spoilt}
GRPOTrainer._compute_loss = spoil
"""
    more = ["steps=2", "accumulate=2", "batch=1", "save_steps=50"]
    done = runs.alone(recipe, free_port, f"out={out}", *more, before=before, code=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pinpoint train:")]
    assert says in line and "at step 2" in line and "Traceback" not in done.stderr
    told = json.loads((out / "stopped.json").read_text())
    assert told["step"] == 1 and len(told["processes"][0]["losses"]) == 2
    named = [name for lot in told["processes"][0]["samples"] for picture in lot for name in picture]
    assert named and all(name.startswith("train-") for name in named)
    assert [path.name for path in (out / "checkpoints").glob("checkpoint-*")] == ["checkpoint-1"]


@pytest.mark.slow
def test_words_alone_can_act(folder, recipe):
    out = folder / "words"
    runs.launched(recipe, f"out={out}", "steps=2", "options.layer=null", "train={lora_: 1e-2}")
    assert "layers/ratio" not in runs.lines(out)[1]
