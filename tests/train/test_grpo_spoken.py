"""The reinforcement stage on answers in coordinates: a whole run of a tiny model that is made to write some."""

import dataclasses

import pytest
import torch

from data.settings import build
from model.grounding import GroundingModel
from tests import tiny
from tests.train import runs
from train import origin, rewards
from train.objectives import grpo
from train.recipe import load

RECIPE = {
    **runs.RECIPE,
    "objective": "grpo",
    "options": {
        "generations": 4,
        "longest": 200,
        "kl": 0.05,
        "rewards": {"box_iou": 1.0, "box_l1": 1.0, "points_near": 1.0, "mask": 1.0, "json_vision_reasoner": 2.0},
    },
    "lora": {"rank": 2, "alpha": 4},
    "train": {"lora_": 1e-3},
    "steps": 2,
    "batch": 1,
}
# What is sampled of random weights places nothing: its words are replaced by these, which are then as likely as they
# are, and learned from.
BEFORE = """
from tests import spoken
from train import origin
texts = [
    '[{"bbox_2d": [1, 1, 63, 63], "point_2d": [30, 30]}]',
    '[{"bbox_2d": [5, 5, 9, 9], "point_2d": [30, 30]}]',
    '[{"bbox_2d": [1, 1, 63',
    '[]',
]
inner = origin.read
def read(recipe):
    made = inner(recipe)
    spoken.writes(made, *texts)
    return made
origin.read = read
"""


@pytest.mark.parametrize(
    ("name", "put", "longest", "best"),
    [("seg-zero-7b", "Please find 'the cup' with bbox", 1300, 5), ("vision-reasoner-7b", "with bboxs", 2000, 7)],
)
def test_a_published_recipe_puts_its_form_on_a_checkpoint(tmp_path, name, put, longest, best):
    recipe = load(f"published/{name}")
    options = build(grpo.Options, recipe.options, "options")
    for reward in options.rewards:
        rewards.load(reward)
    assert (options.generations, options.longest, recipe.batch * recipe.processes) == (8, longest, 16)
    assert sum(options.rewards.values()) == best  # as many as the published one can be
    tiny.model().save_pretrained(tmp_path / "start")
    model = origin.read(dataclasses.replace(recipe, init=str(tmp_path / "start")))
    objective = grpo.Objective(model, options)
    assert objective.model.listener is not None and list(model.channels) == ["coordinates"]
    assert put in model.put([("The cup.", None)])[0][0]


@pytest.mark.slow
def test_a_step_moves_the_adapters_by_the_rewards_of_what_was_written(tmp_path):
    recipe = runs.begin(tmp_path, RECIPE, channels={"coordinates": {"wording": "boxes"}})
    runs.alone(recipe, 29731, before=BEFORE)
    lines = runs.lines(tmp_path / "out")
    assert lines[1]["kl"] == 0.0 and lines[1]["rewards/json_vision_reasoner/mean"] == pytest.approx(3 / 4)
    assert lines[1]["reward_std"] > 0
    begin, end = runs.weights(tmp_path / "start"), runs.weights(tmp_path / "out")
    assert any(not torch.equal(begin[name], end[name]) for name in begin)
    assert GroundingModel.from_pretrained(tmp_path / "out" / "model").listener is not None
