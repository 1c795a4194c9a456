import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from data.geometry import Frame
from eval.predictions import Why, read, write
from eval.scoring import count
from model.prompting.base import SegPrompts
from tests.eval.board import answer, box, predicted, segment, target, turn

CUP, LAMP = box(0, 0, 4, 4), box(6, 6, 10, 10)


def shown():
    """A segment with evidence to keep."""
    plain = segment("the cup", CUP)
    points = SegPrompts(points=torch.tensor([[[1.0, 2.25], [3.0, 4.0], [5.0, 6.0]]]), labels=torch.tensor([[1, 0, -1]]))
    evidence = replace(plain.evidence, map=np.array([[0, 1], [0.5, 0.2]], np.float32), prompts=points, layers={6: 1.0})
    return replace(plain, evidence=evidence)


def test_what_is_written_is_read_and_scores_the_same(tmp_path):
    made = predicted(
        turn(target("the cup", CUP), target("the key", None)),
        answer(shown(), segment("the key", None)),
        box(0, 3, 10, 4),
    )
    path = tmp_path / "predictions.jsonl"
    write([replace(made, id="b"), replace(made, id="a", error="no picture")], path, {"b": 1 / 3})
    assert [json.loads(line).get("iou") for line in path.read_text().splitlines()] == [None, 0.333333]
    failed, good = read(path)
    assert (failed.id, failed.error) == ("a", "no picture")
    assert good == replace(made, id="b")
    assert count(good) == replace(count(made), id="b")
    assert (count(good).intersection, count(failed).iou) == (12, 0.0)


def test_the_evidence_is_kept_for_people():
    why = predicted(turn(target("the cup", CUP)), answer(shown())).given[0].why
    assert why.points == ((1.0, 2.2, 1), (3.0, 4.0, 0))  # a neutral point says nothing
    assert (why.grid, why.map) == ((2, 2), "AP+AMw==")  # 0, 255, 128, 51
    assert why.layers == {"6": 1.0}


def test_where_the_map_lies_is_kept():
    """A picture of 100 x 50 in the middle of a square of 200 x 200, its patches 50 wide: the grid's corner lies half a
    picture above it."""
    frame = Frame.letterbox((50, 100), 200, centred=True).scaled(4, 4)
    plain = segment("the cup", CUP)
    placed = replace(plain, evidence=replace(plain.evidence, map=np.zeros((4, 4), np.float32), frame=frame))
    assert Why.of(placed).edges == (0.0, -25.0, 100.0, 75.0)
    assert Why.of(plain).edges == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: expected keys and values"),
        ('{"idd": "a"}', "line 2: unknown key 'idd'; did you mean 'id'?"),
        ("{}", "line 2: the key 'id' is missing"),
    ],
)
def test_a_wrong_line_is_named(line, message, tmp_path):
    path = tmp_path / "predictions.jsonl"
    write([predicted(turn(target("the cup", CUP)), answer())], path)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=message):
        list(read(path))
