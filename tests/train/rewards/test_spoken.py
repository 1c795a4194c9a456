"""Rewards of how an answer in coordinates is written."""

import pytest

from data.sample import Turn
from train.rewards import coordinates, json_seg_zero, json_vision_reasoner, no_repetition, think_answer
from train.rewards.base import Answered

ZERO = '{"bbox": [1, 2, 3, 4], "points_1": [1, 2], "points_2": [3, 4]}'
REASONER = '[{"bbox_2d": [1, 2, 3, 4], "point_2d": [1, 2]}, {"bbox_2d": [5, 6, 7, 8], "point_2d": [5, 6]}]'


def said(text: str, stop: str = "end", thinks: bool = False) -> Answered:
    return Answered(Turn("?", "", (), "colour"), text, stop, (), (), None, thinks)


@pytest.mark.parametrize(
    ("text", "form", "zero", "reasoner", "loose"),
    [
        (f"<think>A.</think><answer>{ZERO}</answer>", 1, 1, 0, 1),
        (f"<think>A.</think>\n<answer>{REASONER}</answer>", 1, 0, 1, 1),
        (f"<think>A.</think> So: <answer>{REASONER}</answer>", 0, 0, 1, 1),
        (REASONER, 0, 0, 1, 1),
        (REASONER[:-1], 0, 0, 0, 1),  # no JSON, but plain enough
        (REASONER.replace(', "point_2d": [5, 6]', ""), 0, 0, 0.75, 1),
        (REASONER.replace("[5, 6, 7, 8]", "[5, 6, 7]"), 0, 0, 0.75, 1),
        (REASONER.replace('"', "'"), 0, 0, 0, 1),
        ('[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5, 6]}]', 0, 0, 0.25, 0.5),
        (ZERO.replace("points_2", "point_2"), 0, 0, 0, 1),
        ("<think>A.</think><answer>[]</answer>", 1, 1, 1, 1),
        ("<think>A.</think><answer></answer>", 1, 0, 0, 0),
        ("There it is.", 0, 0, 0, 0),
        ("<think>A.", 0, 0, 0, 0),
    ],
)
def test_forms(text, form, zero, reasoner, loose):
    given = [one.reward(said(text)) for one in (think_answer, json_seg_zero, json_vision_reasoner, coordinates)]
    assert given == [form, zero, reasoner, loose]


def test_a_thought_that_the_template_opened_is_one():
    text = f"A.</think><answer>{REASONER}</answer>"
    assert (think_answer.reward(said(text)), think_answer.reward(said(text, thinks=True))) == (0, 1)
    assert coordinates.reward(said(REASONER, thinks=True)) == 0  # it never ended
    assert json_vision_reasoner.reward(said(REASONER, thinks=True)) == 0


def test_an_answer_that_was_cut_is_half_of_one():
    assert coordinates.reward(said(REASONER, stop="length")) == 0.5
    assert coordinates.reward(said(f"[{', '.join([ZERO] * 3)}]")) == 0.5  # says it again


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("It is red. It is round. It is here.", 1),
        ("It is red. It is red. It is here.", 1),  # once is no habit
        ("It is red. It is red. It is red.", 0),
        ("A. B. A. B.", 0),
        ("A. A ... B", 1),
        ("", 1),
    ],
)
def test_sentences_are_not_said_again(text, right):
    assert no_repetition.reward(said(text)) == right
