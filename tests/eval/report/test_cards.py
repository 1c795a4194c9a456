from dataclasses import replace

import numpy as np
import pytest

from data import masks
from data.sample import Target
from eval.predictions import Given, Truth, Why
from eval.report.cards import card, size
from eval.scoring import Scored, count
from tests.eval.board import answer, box, predicted, segment, target, turn

CUP, LAMP = box(0, 0, 4, 4), box(6, 6, 10, 10)


def scored(asked, given):
    made = predicted(asked, given)
    return Scored(made, count(made))


def test_marks_have_the_colour_of_the_target_they_answer_and_their_own_iou():
    asked = turn(target("the cup", CUP), target("the lamp", LAMP))
    given = answer(segment("the dog", box(0, 6, 2, 8)), segment("the lamp", LAMP), segment("the cup", box(0, 0, 4, 2)))
    made = card(scored(asked, given), 3, 100_000)
    assert [one["colour"] for one in made["given"]] == [2, 1, 0]
    assert [one["iou"] for one in made["given"]] == [0.0, 1.0, 0.5]
    assert made["picture"] == 3
    assert made["area"] == 0.32
    assert (made["missed"], made["invented"]) == (False, False)


def test_rejection_errors_are_told_apart():
    asked = turn(target("the cup", CUP), target("the key", None))
    assert card(scored(asked, answer(segment("the cup", None), segment("the key", LAMP))), None, 100_000)["missed"]
    invented = card(scored(asked, answer(segment("the cup", CUP), segment("the key", LAMP))), None, 100_000)
    assert (invented["missed"], invented["invented"]) == (False, True)


def test_what_failed_is_no_rejection_error_and_one_mask_for_two_things_neither():
    one = predicted(turn(target("the key", None)), answer())
    failed = replace(one, error="too long")
    made = card(Scored(failed, count(failed)), None, 100_000)
    assert (made["error"], made["missed"], made["invented"]) == ("too long", False, False)
    both = turn(target("the cup", CUP), target("the lamp", LAMP))
    made = card(scored(both, answer(segment("all of it", CUP | LAMP))), None, 100_000)
    assert (made["score"], made["missed"]) == (1.0, False)


def test_without_a_truth_nothing_is_said_of_right_or_wrong():
    bare = replace(predicted(turn(target("the cup", CUP)), answer(segment("the cup", CUP))), truth=None)
    made = card(bare, None, 100_000)
    assert (made["truth"], made["score"], made["area"], made["missed"]) == (None, None, None, False)
    assert made["given"][0]["mask"] == masks.encode(CUP)


@pytest.mark.parametrize("most", [60_000, 20_000, 6_000])
def test_a_card_of_many_noisy_masks_keeps_to_its_share(most):
    noise = masks.encode(np.random.default_rng(0).random((480, 640)) < 0.5)
    why = Why("A" * 1000, (25, 30), ((1.0, 2.0, 1),) * 64, {"6": 1.0})
    bare = predicted(turn(target("the cup", CUP)), answer())
    one = replace(
        bare,
        size=(480, 640),
        given=tuple(Given(f"thing {n}", noise, 0.5, why) for n in range(8)),
        truth=Truth("x" * 10_000, (Target("the cup", noise),)),
    )
    made = card(Scored(one, count(one)), None, most)
    assert size(made) <= most
    assert len(made["given"]) == 8
