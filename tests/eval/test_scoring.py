from dataclasses import replace

import numpy as np

from eval.predictions import Given
from eval.scoring import count, pair
from tests.eval.board import SIZE, answer, box, predicted, segment, target, turn

CUP, LAMP = box(0, 0, 4, 4), box(6, 6, 10, 10)


def test_a_right_answer():
    counted = count(predicted(turn(target("the cup", CUP)), answer(segment("the cup", CUP))))
    assert (counted.intersection, counted.union, counted.iou) == (16, 16, 1.0)
    assert counted.present == (True,)
    assert counted.absent == ()
    assert counted.matched == (1.0,)
    assert not counted.empty


def test_a_target_answered_with_a_rejection_scores_nothing():
    counted = count(predicted(turn(target("the cup", CUP)), answer(segment("the cup", None))))
    assert (counted.intersection, counted.union) == (0, 16)
    assert counted.present == (False,)
    assert counted.matched == ()


def test_an_absent_thing():
    asked = turn(target("the key", None))
    right = count(predicted(asked, answer(segment("the key", None))))
    wrong = count(predicted(asked, answer(segment("the key", CUP))))
    silent = count(predicted(asked, answer(text="I see.")))
    assert (right.iou, wrong.iou, silent.iou) == (1.0, 0.0, 1.0)
    assert (right.absent, wrong.absent) == ((True,), (False,))
    assert (right.empty, wrong.matched) == (True, (0.0,))


def test_a_mark_without_a_pixel_is_no_mask_but_counts_among_the_marks():
    nothing = replace(segment("the cup", CUP), mask=np.zeros(SIZE, bool))
    absent = count(predicted(turn(target("the cup", None)), answer(nothing)))
    there = count(predicted(turn(target("the cup", CUP)), answer(nothing)))
    assert (absent.iou, absent.absent) == (1.0, (True,))
    assert (there.iou, there.present, there.matched) == (0.0, (False,), (0.0,))


def test_a_mixed_question_counts_by_target():
    asked = turn(target("the key", None), target("the lamp", LAMP))
    counted = count(predicted(asked, answer(segment("the lamp", LAMP), segment("the key", None))))
    assert (counted.present, counted.absent, counted.iou) == ((True,), (True,), 1.0)


def test_what_is_there_is_found_by_whatever_mark_draws():
    asked = turn(target("the cup", CUP))
    counted = count(predicted(asked, answer(segment("the key", None), segment("the lamp", CUP))))
    assert (counted.drawn, counted.found, counted.iou) == (True, (True,), 1.0)
    rejected = count(predicted(asked, answer(segment("the cup", None))))
    assert (rejected.drawn, rejected.found) == (False, (False,))


def test_masks_beside_an_error_count_for_nothing():
    failed = replace(predicted(turn(target("the cup", CUP)), answer(segment("the cup", CUP))), error="too long")
    counted = count(failed)
    assert (counted.intersection, counted.union, counted.iou) == (0, 16, 0.0)
    assert (counted.drawn, counted.found, counted.matched, counted.pairs) == (False, (False,), (), ((0, 16),))
    absent = count(replace(failed, truth=replace(failed.truth, targets=(target("the key", None),))))
    assert (absent.rejected, absent.iou) == ((False,), 0.0)


def test_several_masks_are_united_and_matched():
    asked = turn(target("the cup", CUP), target("the lamp", LAMP))
    swapped = answer(segment("the lamp", LAMP), segment("the cup", CUP), segment("the dog", box(0, 6, 2, 8)))
    counted = count(predicted(asked, swapped))
    assert (counted.intersection, counted.union) == (32, 36)
    assert counted.matched == (1.0, 1.0, 0.0)  # the one too many has no partner


def test_void_counts_neither_way():
    counted = count(
        predicted(turn(target("the cup", CUP)), answer(segment("the cup", box(0, 0, 4, 8))), box(0, 4, 10, 10))
    )
    assert (counted.intersection, counted.union) == (16, 16)


def test_a_question_in_words_is_wrong_if_a_mask_comes_with_it():
    asked = turn(answer="There are two cups.", kind="count")
    assert count(predicted(asked, answer(text="there are two cups"))).words is True
    assert count(predicted(asked, answer(text="There are three cups."))).words is False
    masked = answer(segment("two cups", CUP), text="There are two cups.")
    assert count(predicted(asked, masked)).words is False


def test_segments_go_to_targets_by_phrase_and_then_by_order():
    targets = [target("the cup", CUP), target("the lamp", LAMP), target("the key", None)]
    cup, dog, lamp = (Given(phrase, None) for phrase in ("The cup", "the dog", "the lamp"))
    assert pair(targets, [dog, lamp, cup]) == [cup, lamp, dog]
    assert pair(targets, [dog]) == [dog, None, None]
    assert pair([], [dog]) == []
