from dataclasses import replace

import numpy as np
import pytest

from data.sample import Sample
from eval.clicks import click, correct
from eval.run import ask_all
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


def test_only_poor_masks_get_a_click():
    left, right = box(0, 0, 10, 5), box(0, 5, 10, 10)
    sample = Sample("a", lambda: np.zeros((*SIZE, 3), np.uint8), SIZE, (turn(target("x", left), target("y", right)),))
    # x: two of five columns are missing (0.6); y: one of five (0.8)
    spoiled = {"x": box(0, 0, 10, 3), "y": box(0, 5, 10, 9)}
    reader = Reader([sample], lambda s: replace(s, mask=spoiled[s.phrase]))
    (asked,) = ask_all(reader, sample)
    (done,) = correct(reader, asked)
    assert done.before == pytest.approx(0.6)
    assert done.after == pytest.approx(1.0)
    assert correct(reader, asked, below=0.5) == []


def test_a_rejected_target_gets_none():
    sample = Sample("a", lambda: np.zeros((*SIZE, 3), np.uint8), SIZE, (turn(target("x", box(0, 0, 4, 4))),))
    reader = Reader([sample], lambda s: replace(s, mask=np.zeros(SIZE, bool), rejected=True))
    (asked,) = ask_all(reader, sample)
    assert correct(reader, asked) == []
