"""The pen's shapes land where the unit square says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from data.world.palette import FIXED, inks
from data.world.pen import Pen, smooth


def painted(pen: Pen) -> NDArray[np.bool_]:
    return np.asarray(pen.canvas)[..., 3] > 0


def test_rect_covers_its_share_of_the_square() -> None:
    pen = Pen(200, inks("red"))
    pen.rect(0.25, 0.5, 0.75, 1.0, "body")
    assert painted(pen).mean() == pytest.approx(0.25, abs=0.01)
    assert not painted(pen)[:99].any()


def test_ellipse_has_the_area_of_an_ellipse() -> None:
    pen = Pen(300, inks("red"))
    pen.ellipse(0.0, 0.25, 1.0, 0.75, "body")
    assert painted(pen).mean() == pytest.approx(np.pi * 0.5 * 0.25, abs=0.01)


def test_line_has_round_caps() -> None:
    pen = Pen(400, inks("red"))
    pen.line([(0.3, 0.5), (0.7, 0.5)], 0.2, "body")
    assert painted(pen).mean() == pytest.approx(0.4 * 0.2 + np.pi * 0.1**2, abs=0.01)


def test_none_erases() -> None:
    pen = Pen(100, inks("red"))
    pen.rect(0, 0, 1, 1, "body")
    pen.ellipse(0.25, 0.25, 0.75, 0.75, None)
    assert painted(pen).mean() == pytest.approx(1 - np.pi * 0.25**2, abs=0.02)


def test_fills_are_the_named_paints() -> None:
    pen = Pen(10, inks("blue"))
    for column, role in enumerate(("body", "wood", "dark")):
        pen.rect(column / 10, 0, column / 10, 1, role)
    row = np.asarray(pen.canvas)[5, :3, :3]
    assert [tuple(int(v) for v in paint) for paint in row] == [inks("blue").body, FIXED["wood"], inks("blue").dark]


def test_unknown_paint_is_an_error() -> None:
    with pytest.raises(KeyError):
        Pen(10, inks("red")).rect(0, 0, 1, 1, "plaid")


def test_smooth_passes_through_its_points() -> None:
    points = ((0.1, 0.2), (0.9, 0.3), (0.7, 0.9), (0.2, 0.8))
    curve = smooth(points, steps=8)
    assert len(curve) == 32
    assert curve[::8] == [pytest.approx(point) for point in points]


def test_smooth_follows_a_circle() -> None:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    curve = np.asarray(smooth(tuple((float(np.cos(a)), float(np.sin(a))) for a in angles)))
    assert np.abs(np.hypot(curve[:, 0], curve[:, 1]) - 1).max() < 0.01
