"""A row of placements holds what asking the same questions by hand gives."""

import pytest

from benchmarks import placement
from data.world.world import World
from eval.benchmarks import find
from eval.run import Way, ask
from model.placement import PLAIN
from model.predictor import Predictor


def test_a_row_of_a_trained_model_has_its_giou_and_all_texts(checkpoint):
    count, protocol = 3, find("world").protocol()
    row, texts = placement.measure(checkpoint, PLAIN, count, trained=True)
    samples = [World("val", count).sample(index) for index in range(count)]
    asked = [
        one for some in ask(Predictor.from_pretrained(checkpoint, PLAIN), samples, Way(protocol, 1)) for one in some
    ]
    assert sorted(texts) == sorted(one.prediction.answer for one in asked)
    ious = [one.counts.iou for one in asked if one.counts is not None and one.prediction.truth.targets]
    assert row["gIoU"] == pytest.approx(sum(ious) / len(ious))
    assert 0 < row["read"] < row["total"] <= row["seconds"]


def test_random_weights_answer_one_question_a_scene(checkpoint):
    row, texts = placement.measure(checkpoint, PLAIN, 2, trained=False)
    assert len(texts) == 2 and "gIoU" not in row
