"""Each reward against values worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from data import masks
from data.sample import Target, Turn
from train import rewards
from train.rewards import count, format, mask, rejection, thinking, words
from train.rewards.base import Answered, Mark


def box(left: int, right: int) -> np.ndarray:
    """Columns ``left`` to ``right`` of a picture of 4 x 10."""
    made = np.zeros((4, 10), dtype=bool)
    made[:, left:right] = True
    return made


def answered(
    truth: dict[str, np.ndarray | None],
    given: list[tuple[str, np.ndarray | None]],
    text: str = "Here.",
    stop: str = "end",
    **more: object,
) -> Answered:
    targets = tuple(Target(name, None if part is None else masks.encode(part)) for name, part in truth.items())
    turn = Turn("?", "", targets, "colour")
    marks = tuple(Mark(*one) for one in given)
    return Answered(turn, text, stop, marks, tuple(truth.values()), **more)


CUP, LAMP = box(0, 4), box(6, 10)


def test_rewards_are_found_by_their_files():
    written = ["coordinates", "json_seg_zero", "json_vision_reasoner", "no_repetition", "think_answer"]
    placed = ["box_iou", "box_l1", "points_inside", "points_near"]
    marked = ["count", "format", "mask", "rejection", "thinking", "words"]
    assert rewards.available() == sorted([*written, *placed, *marked])
    with pytest.raises(ValueError, match="did you mean 'rejection'"):
        rewards.load("rejections")


def test_masks_are_matched_whatever_their_order():
    one = answered({"the cup": CUP, "the lamp": LAMP}, [("the lamp", box(6, 8)), ("the cup", CUP)])
    assert mask.reward(one) == (0.5 + 1) / 2
    assert sorted(one.matched) == [(0, 1, 0.5), (1, 0, 1.0)]


def test_a_mark_too_many_or_too_few_takes_its_share():
    assert mask.reward(answered({"the cup": CUP}, [("the cup", CUP), ("the lamp", LAMP)])) == 0.5
    assert mask.reward(answered({"the cup": CUP, "the lamp": LAMP}, [("the cup", CUP)])) == 0.5
    assert mask.reward(answered({"the cup": CUP}, [])) == 0


def test_what_is_absent_counts_as_one_if_it_is_rejected():
    absent = {"the cup": None}
    assert mask.reward(answered(absent, [("the cup", None)])) == 1
    assert mask.reward(answered(absent, [("the cup", CUP)])) == 0
    assert mask.reward(answered({"the cup": CUP}, [("the cup", None)])) == 0
    mixed = {"the cup": box(0, 4), "the key": None}
    assert mask.reward(answered(mixed, [("the cup", box(0, 2)), ("the key", None)])) == 0.75


def test_rejecting_by_name_what_is_there_is_no_rejection_of_what_is_not():
    assert mask.reward(answered({"the cup": CUP, "the key": None}, [("the key", CUP), ("the cup", None)])) == 0.5


def test_where_nothing_is_asked_for_nothing_is_to_be_marked():
    assert mask.reward(answered({}, [])) == count.reward(answered({}, [])) == 1
    assert mask.reward(answered({}, [("the cup", CUP)])) == count.reward(answered({}, [("the cup", CUP)])) == 0
    assert rejection.reward(answered({}, [])) is None


def test_void_pixels_count_neither_way():
    one = answered({"the cup": box(0, 4)}, [("the cup", box(0, 6))], void=box(4, 6))
    assert mask.reward(one) == 1


def test_rejection_is_the_share_of_right_kinds():
    truth = {"the cup": CUP, "the key": None}
    assert rejection.reward(answered(truth, [("the cup", LAMP), ("the key", None)])) == 1
    assert rejection.reward(answered(truth, [("the key", None), ("the cup", LAMP)])) == 1  # by their names
    assert rejection.reward(answered(truth, [("the cup", CUP), ("the key", LAMP)])) == 0.5
    assert rejection.reward(answered(truth, [("the cup", CUP)])) == 0.5
    assert rejection.reward(answered(truth, [("the cup", None), ("the key", CUP)])) == 0


def test_count_falls_with_the_number_that_is_wrong():
    two = {"the cup": CUP, "the lamp": LAMP}
    given = [("a", CUP), ("b", LAMP), ("c", None), ("d", None)]
    assert [count.reward(answered(two, given[:n])) for n in range(5)] == [0, 0.5, 1, pytest.approx(2 / 3), 0.5]


def test_a_form_is_right_if_it_ends_and_names_its_marks():
    assert format.reward(answered({}, [("the cup", CUP)])) == 1
    assert format.reward(answered({}, [("", CUP)])) == 0
    assert format.reward(answered({}, [], stop="length")) == 0
    assert format.reward(answered({}, [], text=" ")) == 0


@pytest.mark.parametrize(
    ("text", "form", "thought"),
    [
        ("Asked for: the cup. </think> The cup <SEG>.", 1, 1),
        ("Asked for: the cup <SEG>. </think> The cup <SEG>.", 0, 1),
        ("The cup. </think> The cup <SEG>.", 1, 0),  # too short a thought
        ("Asked for: the cup. The cup <SEG>.", 0, 0),  # never closed
        ("Asked for: the cup. </think>", 0, 0),
        ("Asked for: the cup. </think> The </think> cup <SEG>.", 1, 0),
    ],
)
def test_a_thought_is_closed_before_the_answer(text, form, thought):
    one = answered({}, [], text, thinks=True)
    assert (format.reward(one), thinking.reward(one)) == (form, thought)
    assert thinking.reward(answered({}, [], text)) is None


def test_words_count_where_nothing_is_to_be_marked():
    def said(text: str, **more: object) -> Answered:
        return replace(answered({}, [], text, **more), turn=Turn("How many cups?", "There are two cups.", (), "count"))

    assert words.reward(said("there are two cups")) == 1
    assert words.reward(said("There are three cups.")) == 0
    assert words.reward(said("So. </think> There are two cups.", thinks=True)) == 1
    assert words.reward(replace(said("There are two cups."), marks=(Mark("cups", CUP),))) == 0
    assert words.reward(answered({"the cup": CUP}, [("the cup", CUP)])) is None
