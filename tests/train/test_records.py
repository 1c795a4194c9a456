import json

import numpy as np
import torch
from PIL import Image

from data import masks
from data.sample import Target, Turn
from model.backbones.base import Encoded
from train.records import Records
from train.rewards.base import Answered, Mark
from train.rollouts import Actions, Asked, Rollout


def rollout(number: int, text: str = "The cup <SEG>.") -> Rollout:
    truth = np.zeros((20, 30), dtype=bool)
    truth[:, :10] = True
    turn = Turn("Where is the cup?", "Here <SEG>.", (Target("the cup", masks.encode(truth)),), "colour")
    asked = Asked(number, np.full((20, 30, 3), 99, np.uint8), torch.zeros(0), torch.zeros(0), (), turn, None, "world")
    answered = Answered(turn, text, "end", (Mark("the cup", truth),), (truth,))
    actions = Actions(torch.tensor([0]), torch.tensor([[2], [1]]), torch.zeros(2, 1), torch.tensor([[0.5], [1.0]]))
    empty = torch.zeros(0, dtype=torch.int64)
    return Rollout(asked, Encoded(empty, empty, 0), empty, answered, actions)


def test_each_answer_is_a_line_and_a_run_that_goes_on_writes_none_twice(tmp_path):
    first = Records(tmp_path)
    for step in (0, 10, 20):
        first.write(step, [rollout(step)], [{"mask": 1.0, "thinking": float("nan")}], [0.25])
    with first.path.open("a") as file:
        file.write('{"step": 30, "pic')  # cut off in the middle
    Records(tmp_path).write(20, [rollout(21)], [{"mask": 0.5}], [0.0])
    lines = [json.loads(line) for line in first.path.read_text().splitlines()]
    assert [(line["step"], line["picture"]) for line in lines] == [(0, 0), (10, 10), (20, 21)]
    assert lines[0]["rewards"] == {"mask": 1.0, "thinking": None} and lines[0]["advantage"] == 0.25
    assert lines[0]["ious"] == [[0, 0, 1.0]]
    assert lines[0]["layers"] == [{"mark": 0, "drawn": [2, 1], "ious": [0.5, 1.0]}]
    assert Records(tmp_path, 1).path.name == "rollouts-1.jsonl"


def test_a_sheet_has_a_row_for_each_question(tmp_path):
    answers = [rollout(0, "bad é"), rollout(0), rollout(1), rollout(1)]
    Records(tmp_path).draw(10, answers, [0.1, 0.9, 0.5, 0.5])
    with Image.open(tmp_path / "pictures" / "000010.png") as sheet:
        assert sheet.size == (3 * 256, 2 * (256 + 60))
