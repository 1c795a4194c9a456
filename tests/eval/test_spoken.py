"""Answers in coordinates are evaluated like any other."""

import numpy as np
import pytest

from data import masks
from data.sample import Sample, Target, Turn
from eval import forced
from eval.protocols import WORLD
from eval.run import Way, ask
from model.predictor import Predictor
from tests import spoken

SIZE = (40, 60)


def sample(name: str, *targets: Target) -> Sample:
    words = " and ".join(target.phrase for target in targets)
    turn = Turn(f"Where is {words}?", words, targets, "colour")
    return Sample(name, spoken.picture, SIZE, (turn,))


def test_segments_of_coordinates_are_counted():
    made = spoken.model()
    spoken.writes(made, spoken.TWO, spoken.NONE)
    predictor = Predictor(made)
    predictor.set_image(spoken.picture())
    cup, lamp = predictor.ask("Where?").segments
    spoken.writes(made, spoken.TWO, spoken.NONE)
    there = [Target(one.phrase, masks.encode(one.mask)) for one in (cup, lamp)]
    asked = [sample("a", *reversed(there)), sample("b", Target("the key", None))]
    (batch,) = ask(predictor, asked, Way(WORLD, batch=2))
    (found, counts), (missing, none) = ((one.prediction, one.counts) for one in batch)
    assert [one.phrase for one in found.given] == ["the red cup", "the lamp"] and found.answer == spoken.TWO
    pairs = zip(found.given, (cup, lamp), strict=True)
    assert all(np.array_equal(masks.decode(given.rle), one.mask) for given, one in pairs)
    assert counts.iou == 1 and counts.matched == (1.0, 1.0) and counts.present == (True, True)
    assert missing.given[0].rle is None and none.absent == (True,) and none.iou == 1


def test_reading_the_true_answer_needs_marks():
    asked = sample("a", Target("the red cup", masks.encode(np.ones(SIZE, bool))))
    with pytest.raises(ValueError, match="it answers freely"):
        forced.answer(spoken.model(), spoken.picture(), asked, [asked])
