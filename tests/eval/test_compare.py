import json
from dataclasses import replace

import pytest

from data import masks
from eval import predictions
from eval.compare import compare
from tests.eval.board import answer, box, predicted, segment, target, turn

CUP = box(0, 0, 4, 4)


def written(folder, shares, protocol="pinpoint", **said):
    """Questions by number, each answered with so many of the cup's four columns."""
    folder.mkdir()
    asked = turn(target("the cup", CUP))
    made = []
    for number, share in shares.items():
        drawn = box(0, 0, 4, share) if share else None
        made.append(replace(predicted(asked, answer(segment("the cup", drawn))), id=number, image=f"{number}.jpg"))
    predictions.write(made, folder / "predictions.jsonl")
    values = {"benchmark": "world", "protocol": {"name": protocol}, **said}
    (folder / "results.json").write_text(json.dumps(values))
    return folder


def test_differences_are_of_the_second_minus_the_first_with_what_changed_most(tmp_path):
    one = written(tmp_path / "one", {"a": 4, "b": 2, "c": 1, "d": 4})
    two = written(tmp_path / "two", {"a": 4, "b": 3, "c": 4, "d": 0})
    found = compare(one, two / "predictions.jsonl")
    giou = found.differences["gIoU"]
    assert (giou.first, giou.second) == (0.6875, 0.6875)  # (1 + 1/2 + 1/4 + 1) / 4 and (1 + 3/4 + 1 + 0) / 4
    assert giou.value == 0.0
    assert giou.low < 0 < giou.high
    assert [(row.id, row.first, row.second) for row in found.changed] == [("d", 1, 0), ("c", 0.25, 1), ("b", 0.5, 0.75)]
    assert found.changed[0].answers == ("the cup <SEG>", "the cup <REJ>")
    assert (found.common, found.alone, found.notes) == (4, (0, 0), ())
    assert json.loads(json.dumps(found.as_json()))["differences"]["gIoU"]["difference"] == 0.0


def test_a_clear_difference_is_told_from_none(tmp_path):
    one = written(tmp_path / "one", {f"{n:02d}": 1 + n % 2 for n in range(40)})
    two = written(tmp_path / "two", {f"{n:02d}": 2 + n % 2 for n in range(40)})
    better = compare(one, two).differences["gIoU"]
    assert better.value == pytest.approx(0.25)
    assert better.low == pytest.approx(0.25)  # every picture gains the same
    assert better.p < 0.01
    assert compare(one, one).differences["gIoU"].p == 1.0


def test_different_questions_and_rules_are_said(tmp_path):
    one = written(tmp_path / "one", {"a": 4, "b": 2}, split="val")
    two = written(tmp_path / "two", {"b": 2, "c": 2, "d": 2}, split="test", protocol="other")
    found = compare(one, two)
    assert (found.common, found.alone) == (1, (1, 2))
    assert found.notes[0].startswith("NOT THE SAME QUESTIONS: 1 are in the first alone and 2 in the second alone")
    assert found.notes[1] == "different protocols, pinpoint and other: both are counted by pinpoint here"
    assert found.notes[2] == "different split: val and test"


def test_what_cannot_be_compared_is_refused(tmp_path):
    one = written(tmp_path / "one", {"a": 4})
    with pytest.raises(ValueError, match="no question in common"):
        compare(one, written(tmp_path / "two", {"b": 4}))
    other = predicted(turn(target("the cup", box(0, 0, 4, 5))), answer(segment("the cup", CUP)))
    written(tmp_path / "three", {})
    predictions.write([replace(other, id="a", image="a.jpg")], tmp_path / "three" / "predictions.jsonl")
    with pytest.raises(ValueError, match="a: its picture or its truth is not the same"):
        compare(one, tmp_path / "three")
    void = replace(other.truth, targets=(target("the cup", CUP),), void=masks.encode(box(5, 5, 9, 9)))
    predictions.write([replace(other, id="a", image="a.jpg", truth=void)], tmp_path / "three" / "predictions.jsonl")
    with pytest.raises(ValueError, match="a: its picture or its truth is not the same"):
        compare(one, tmp_path / "three")
    with pytest.raises(ValueError, match="no predictions at"):
        compare(one, tmp_path / "nowhere")
