"""Sprites: their mask, box, place and turn."""

from dataclasses import replace

import numpy as np
import pytest

from data.world.scene import Thing
from data.world.sprite import sprite

BALL = Thing("ball", "toy", "red", 0, "medium", 0.0, 0.0, 60.0, 0.0, False)


def test_a_ball_is_a_disc_around_its_centre() -> None:
    stamp = sprite(BALL)
    rows, columns = np.nonzero(stamp.solid)
    assert columns.mean() + stamp.left + 0.5 == pytest.approx(0, abs=1)
    assert rows.mean() + stamp.top + 0.5 == pytest.approx(0, abs=1)
    radius = 0.48 * 60 + 1  # the drawing's, and the outline
    assert stamp.solid.sum() == pytest.approx(np.pi * radius**2, rel=0.04)


def test_box_holds_all_paint() -> None:
    stamp = sprite(replace(BALL, drawing=1, angle=13.0))
    left, top, right, bottom = stamp.box
    inside = stamp.alpha[top:bottom, left:right]
    assert inside.sum() == pytest.approx(stamp.alpha.sum())
    assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def test_paint_is_multiplied_by_alpha() -> None:
    stamp = sprite(BALL)
    assert (stamp.paint.max(axis=2) <= 255 * stamp.alpha + 0.01).all()
    assert not stamp.paint[stamp.alpha == 0].any()


def test_flip_mirrors_the_mask() -> None:
    plain, mirrored = (sprite(replace(BALL, kind="key", family="household", flip=flip)) for flip in (False, True))
    assert np.array_equal(plain.solid[:, ::-1], mirrored.solid)


def test_positive_angle_turns_counter_clockwise() -> None:
    upright, turned = (sprite(replace(BALL, kind="candle", family="household", angle=a)) for a in (0.0, 15.0))

    def lean(mask: np.ndarray) -> float:
        rows, columns = np.nonzero(mask)
        half = rows < rows.mean()
        return float(columns[half].mean() - columns[~half].mean())

    assert abs(lean(upright.solid)) < 1
    assert lean(turned.solid) < -3  # its top leans to the left
