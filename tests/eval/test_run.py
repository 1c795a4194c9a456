from dataclasses import replace

import numpy as np

from data import masks
from data.sample import Sample
from eval.run import count, evaluate, pair
from tests.eval.board import SIZE, Reader, answer, box, segment, target, turn

CUP, LAMP = box(0, 0, 4, 4), box(6, 6, 10, 10)


def test_a_right_answer():
    counted = count("a", turn(target("the cup", CUP)), answer(segment("the cup", CUP)), SIZE)
    assert (counted.intersection, counted.union, counted.iou) == (16, 16, 1.0)
    assert counted.present == (True,)
    assert counted.absent == ()
    assert counted.matched == (1.0,)
    assert not counted.empty


def test_a_target_answered_with_a_rejection_scores_nothing():
    counted = count("a", turn(target("the cup", CUP)), answer(segment("the cup", None)), SIZE)
    assert (counted.intersection, counted.union) == (0, 16)
    assert counted.present == (False,)
    assert counted.matched == ()


def test_an_absent_thing():
    asked = turn(target("the key", None))
    right = count("a", asked, answer(segment("the key", None)), SIZE)
    wrong = count("a", asked, answer(segment("the key", CUP)), SIZE)
    silent = count("a", asked, answer(text="I see."), SIZE)
    assert (right.iou, wrong.iou, silent.iou) == (1.0, 0.0, 1.0)
    assert (right.absent, wrong.absent) == ((True,), (False,))
    assert (right.empty, wrong.matched) == (True, (0.0,))


def test_a_mark_without_a_pixel_is_no_mask_but_counts_among_the_marks():
    nothing = replace(segment("the cup", CUP), mask=np.zeros(SIZE, bool))
    absent = count("a", turn(target("the cup", None)), answer(nothing), SIZE)
    there = count("a", turn(target("the cup", CUP)), answer(nothing), SIZE)
    assert (absent.iou, absent.absent) == (1.0, (True,))
    assert (there.iou, there.present, there.matched) == (0.0, (False,), (0.0,))


def test_a_mixed_question_counts_by_target():
    asked = turn(target("the key", None), target("the lamp", LAMP))
    counted = count("a", asked, answer(segment("the lamp", LAMP), segment("the key", None)), SIZE)
    assert (counted.present, counted.absent, counted.iou) == ((True,), (True,), 1.0)


def test_several_masks_are_united_and_matched():
    asked = turn(target("the cup", CUP), target("the lamp", LAMP))
    swapped = answer(segment("the lamp", LAMP), segment("the cup", CUP), segment("the dog", box(0, 6, 2, 8)))
    counted = count("a", asked, swapped, SIZE)
    assert (counted.intersection, counted.union) == (32, 36)
    assert counted.matched == (1.0, 1.0, 0.0)  # the one too many has no partner


def test_void_counts_neither_way():
    counted = count(
        "a", turn(target("the cup", CUP)), answer(segment("the cup", box(0, 0, 4, 8))), SIZE, box(0, 4, 10, 10)
    )
    assert (counted.intersection, counted.union) == (16, 16)


def test_a_question_in_words_is_wrong_if_a_mask_comes_with_it():
    asked = turn(answer="There are two cups.", kind="count")
    assert count("a", asked, answer(text="there are two cups"), SIZE).words is True
    assert count("a", asked, answer(text="There are three cups."), SIZE).words is False
    masked = answer(segment("two cups", CUP), text="There are two cups.")
    assert count("a", asked, masked, SIZE).words is False


def test_segments_go_to_targets_by_phrase_and_then_by_order():
    targets = [target("the cup", CUP), target("the lamp", LAMP), target("the key", None)]
    cup, dog, lamp = segment("The cup", CUP), segment("the dog", CUP), segment("the lamp", LAMP)
    assert pair(targets, [dog, lamp, cup]) == [cup, lamp, dog]
    assert pair(targets, [dog]) == [dog, None, None]
    assert pair([], [dog]) == []


def two_samples():
    pictures = [np.full((*SIZE, 3), tone, np.uint8) for tone in (10, 200)]
    turns = [
        (turn(target("the cup", CUP)), turn(target("the lamp", LAMP), kind="follow")),
        (turn(target("the cup", None)), turn(answer="There are two cups.", kind="count")),
    ]
    return [
        Sample(f"val-{n}", lambda n=n: pictures[n], SIZE, turns[n], masks.encode(box(0, 9, 1, 10)) if n else None)
        for n in range(2)
    ]


def test_every_turn_is_asked_with_the_models_own_history():
    samples = two_samples()
    reader = Reader(samples)
    seen = []
    records = evaluate(reader, samples, quiet=True, look=lambda asked: seen.append(asked.turn.kind))
    assert [record.counts.id for record in records] == ["val-0/0", "val-0/1", "val-1/0", "val-1/1"]
    assert [record.counts.iou for record in records[:3]] == [1.0, 1.0, 1.0]
    assert records[3].counts.words is True
    assert seen == ["kind", "follow", "kind", "count"]
    assert reader.histories[0] == []
    assert reader.histories[1] == [("Where is the cup?", "the cup <SEG>")]
    assert reader.histories[2] == []
    assert [image[0, 0, 0] for image in reader.images] == [10, 200]


def test_blind_shows_grey_pictures_of_the_same_size():
    samples = two_samples()
    reader = Reader(samples)
    evaluate(reader, samples, quiet=True, blind=True)
    assert [image.shape for image in reader.images] == [(*SIZE, 3)] * 2
    assert all((image == 128).all() for image in reader.images)
