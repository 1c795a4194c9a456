from dataclasses import replace

import numpy as np
import pytest

from data import masks
from data.sample import Sample
from eval.clicks import click, correct
from model.predictor import Ask
from tests.eval.board import SIZE, Reader, box, target, turn


def test_the_click_lies_in_the_middle_of_the_larger_error():
    truth = box(0, 0, 5, 5)
    points, labels = click(np.zeros(SIZE, bool), truth)
    assert points.tolist() == [[2.0, 2.0]]
    assert (points.dtype, labels.dtype, labels.tolist()) == (np.float32, np.int64, [1])
    wrong = truth | box(3, 5, 10, 10)  # 7 x 5 pixels too many
    points, labels = click(wrong, truth)
    assert labels.tolist() == [0]
    assert points[0, 0] == 7
    assert 5 <= points[0, 1] <= 7


def test_the_click_is_the_deepest_pixel_by_brute_force():
    rng = np.random.default_rng(2)
    for _ in range(5):
        truth = box(*sorted(rng.integers(0, 10, 2)), 10, 10) | box(2, 1, 6, 7)
        mask = box(0, 3, int(rng.integers(4, 9)), 9)
        points, labels = click(mask, truth)
        depths = {}
        for label, error in ((1, truth & ~mask), (0, mask & ~truth)):
            outside = np.argwhere(~np.pad(error, 1)) - 1
            for y, x in np.argwhere(error):
                depths[x, y, label] = np.sqrt(((outside - (y, x)) ** 2).sum(1)).min()
        assert depths[int(points[0, 0]), int(points[0, 1]), int(labels[0])] == pytest.approx(max(depths.values()))


def answered(spoil, *targets):
    """A reader, what it answers about these targets, and they."""
    sample = Sample("a", lambda: np.zeros((*SIZE, 3), np.uint8), SIZE, (turn(*targets),))
    reader = Reader([sample], spoil)
    (answer,) = reader.ask_all([Ask(sample.load(), sample.turns[0].question)])
    return reader, answer, targets


def test_only_poor_masks_get_a_click():
    left, right = box(0, 0, 10, 5), box(0, 5, 10, 10)
    # x: two of five columns are missing (0.6); y: one of five (0.8)
    spoiled = {"x": box(0, 0, 10, 3), "y": box(0, 5, 10, 9)}
    asked = answered(lambda s: replace(s, mask=spoiled[s.phrase]), target("x", left), target("y", right))
    (done,) = correct(*asked)
    assert done.before == pytest.approx(0.6)
    assert done.after == pytest.approx(1.0)
    assert correct(*asked, below=0.5) == []


def test_void_pixels_are_neither_counted_nor_clicked_on():
    left, wrong = box(0, 0, 10, 5), box(0, 0, 10, 9)  # four columns too many: 50 of 90
    asked = answered(lambda s: replace(s, mask=wrong), target("x", left))
    (done,) = correct(*asked)
    assert done.before == pytest.approx(5 / 9)
    assert correct(*asked, void=masks.encode(box(0, 7, 10, 10))) == []  # 50 of 70
    (done,) = correct(*asked, void=masks.encode(box(0, 8, 10, 10)))  # 50 of 80, and column 5, 6 or 7 is clicked on
    assert (done.before, done.after) == (pytest.approx(5 / 8), 1.0)
    clicked = []
    asked[0].refine = lambda segment, points, labels: clicked.append((points[0, 0], labels[0])) or segment
    correct(*asked, void=masks.encode(box(0, 8, 10, 10)))
    assert clicked == [(6.0, 0)]


def test_a_truth_without_a_pixel_is_met_by_a_mask_without_one():
    asked = answered(lambda s: replace(s, mask=box(0, 0, 10, 5)), target("x", np.zeros(SIZE, bool)))
    (done,) = correct(*asked)
    assert (done.before, done.after) == (0.0, 1.0)


def test_a_rejected_target_gets_none():
    empty = np.zeros(SIZE, bool)
    asked = answered(lambda s: replace(s, mask=empty, rejected=True), target("x", box(0, 0, 4, 4)))
    assert correct(*asked) == []
