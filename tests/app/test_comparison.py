import numpy as np
import pytest

from app.comparison import Pair, checkpoints, pairs, stages
from model.answer import Answer
from tests.eval.board import answer, box, segment


def shown(found):
    return [(p.first and p.first.phrase, p.second and p.second.phrase, p.verdict) for p in found]


def test_masks_of_the_same_words_belong_together_whatever_their_order():
    first = answer(segment("the cup", box(0, 0, 4, 4)), segment("the key", box(5, 5, 9, 9)))
    second = answer(segment("The  key", box(5, 5, 9, 7)), segment("the cup", box(0, 0, 4, 4)))
    assert shown(pairs(first, second)) == [("the cup", "the cup", "IoU 1.00"), ("the key", "The  key", "IoU 0.50")]


def test_what_is_left_is_matched_in_order_and_the_rest_stands_alone():
    first = answer(segment("the cup", box(0, 0, 4, 4)), segment("a ball", box(0, 0, 2, 2)))
    second = answer(
        segment("the mug", box(0, 0, 2, 4)), segment("a ball", box(8, 8, 9, 9)), segment("the hat", box(1, 1, 2, 2))
    )
    assert shown(pairs(first, second)) == [
        ("the cup", "the mug", "IoU 0.50"),
        ("a ball", "a ball", "IoU 0.00"),
        (None, "the hat", "only the second names it"),
    ]
    assert shown(pairs(second, first))[-1] == ("the hat", None, "only the first names it")


def test_the_same_words_twice_are_taken_one_after_another():
    left, right = segment("the cat", box(0, 0, 4, 4)), segment("the cat", box(5, 5, 9, 9))
    assert [pair.iou for pair in pairs(answer(left, right), answer(left, right))] == [1, 1]
    assert pairs(answer(), answer()) == []


def test_what_is_not_here_has_no_overlap():
    here, absent = segment("the cat", box(0, 0, 4, 4)), segment("the cat", None)
    assert Pair(absent, absent).verdict == "both say that it is not here"
    assert Pair(here, absent).verdict == "only the first finds it"
    assert Pair(absent, here).verdict == "only the second finds it"
    assert {Pair(*two).iou for two in ((absent, absent), (here, absent), (None, here))} == {None}
    nothing = segment("the cat", np.zeros((10, 10), bool))
    assert Pair(nothing, nothing).iou == 1.0


def test_stages_come_in_order_with_what_one_lacks():
    first = Answer("?", "", (), {"total": 3.0, "read": 1.0, "write": 2.0})
    second = Answer("?", "", (), {"read": 0.5, "draw": 0.25, "wait": 0.1, "total": 0.85})
    assert stages(first, second) == [
        ("wait", None, 0.1),
        ("read", 1.0, 0.5),
        ("write", 2.0, None),
        ("draw", None, 0.25),
        ("total", 3.0, 0.85),
    ]


def test_checkpoints_are_found_once_whatever_the_folders(tmp_path):
    for name in ("b", "a", "none"):
        (tmp_path / name).mkdir()
    for name in ("b", "a"):
        (tmp_path / name / "config.json").touch()
    found = checkpoints([tmp_path, tmp_path / "a" / "..", tmp_path / "nowhere"])
    assert found == [tmp_path / "a", tmp_path / "b"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_long_list_is_matched_without_losing_any(count):
    rng = np.random.default_rng(count)
    words = ["the cat", "the dog", "a hat", ""]
    for _ in range(50):
        sides = [[segment(words[i], box(0, 0, 2, 2)) for i in rng.integers(0, 4, rng.integers(0, 6))] for _ in range(2)]
        found = pairs(answer(*sides[0]), answer(*sides[1]))
        assert [pair.first for pair in found if pair.first is not None] == sides[0]
        kept = [id(pair.second) for pair in found if pair.second is not None]
        assert sorted(kept) == sorted(id(one) for one in sides[1])
        assert len(found) == max(len(sides[0]), len(sides[1]))
