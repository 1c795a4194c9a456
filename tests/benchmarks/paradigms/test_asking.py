"""What is told of SAM's own estimate."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.paradigms import asking
from data import masks
from eval import predictions, results
from eval.predictions import Given
from eval.protocols import WORLD
from tests.eval import board


def given(mask, score):
    return Given("cup", masks.encode(mask), score)


def test_each_drawn_mask_is_paired_with_its_own_estimate(tmp_path):
    whole, half, apart = board.box(0, 0, 4, 4), board.box(0, 0, 2, 4), board.box(6, 6, 8, 8)
    asked = board.turn(board.target("cup", whole))
    one = board.predicted(asked, board.answer(board.segment("cup", whole)))
    too_many = replace(one, id="b/0", given=(given(apart, 0.9), given(half, 0.25)))
    rejected = replace(one, id="c/0", given=(Given("cup", None, 0.0),))
    failed = replace(one, id="d/0", given=(), error="ValueError: no")
    path = tmp_path / "predictions.jsonl"
    predictions.write([one, too_many, rejected, failed], path)
    pairs = asking.rated(path, results.tally(predictions.read(path), WORLD))
    assert pairs == [(0.9, 1.0), (0.9, 0.0), (0.25, 0.5)]


def test_correlations_are_those_worked_out_by_hand():
    """Means 0.5 and 0.45; of the four: deviations (-.3, -.1, .1, .3) and (-.45, -.05, .35, .15); products .135 + .005 +
    .035 + .045 = .22; squares .2 and .35; ranks differ by 0, 0, 1, 1: 1 - 6 * 2 / (4 * 15) = .8."""
    found = asking.estimate([(0.2, 0.0), (0.4, 0.4), (0.6, 0.8), (0.8, 0.6)])
    assert found["all"]["masks"] == 4
    assert found["all"]["mean_estimate"] == pytest.approx(0.5) and found["all"]["mean_iou"] == pytest.approx(0.45)
    assert found["all"]["pearson"] == pytest.approx(0.22 / np.sqrt(0.2 * 0.35))
    assert found["all"]["spearman"] == pytest.approx(0.8)
    assert found["overlapping"]["masks"] == 3
    assert found["overlapping"]["pearson"] == pytest.approx(0.5) == found["overlapping"]["spearman"]


def test_what_says_the_same_of_all_has_no_correlation():
    found = asking.estimate([(0.5, 0.1), (0.5, 0.9)])
    assert found["all"]["pearson"] is None and found["all"]["spearman"] is None
    assert asking.estimate([])["all"] == {
        "masks": 0, "mean_estimate": None, "mean_iou": None, "pearson": None, "spearman": None
    }  # fmt: skip
