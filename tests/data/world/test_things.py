"""Every kind has drawings that differ, fill their square, and show their colour."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from data.world.palette import COLOURS
from data.world.scene import Thing
from data.world.sprite import Sprite, sprite
from data.world.things import FAMILIES, FAMILY_OF, KINDS, drawings

EVERY_DRAWING = [(kind, index) for kind in KINDS for index in range(len(drawings(kind)))]


def made(kind: str, drawing: int, colour: str = "blue", extent: float = 60.0, angle: float = 0.0) -> Sprite:
    return sprite(Thing(kind, FAMILY_OF[kind], colour, drawing, "medium", 0.0, 0.0, extent, angle, False))


def on_a_square(stamp: Sprite, side: int = 100) -> NDArray[np.bool_]:
    """The mask, its unit square in the middle of a larger one."""
    square = np.zeros((side, side), dtype=np.bool_)
    column, row = stamp.corner(side / 2, side / 2)
    height, width = stamp.solid.shape
    square[row : row + height, column : column + width] = stamp.solid
    return square


def test_there_are_enough_kinds_and_families() -> None:
    assert len(KINDS) == len(set(KINDS)) >= 40
    assert len(FAMILIES) >= 8


@pytest.mark.parametrize("kind", KINDS)
def test_drawings_of_a_kind_differ_in_outline(kind: str) -> None:
    masks = [on_a_square(made(kind, index)) for index in range(len(drawings(kind)))]
    assert len(masks) >= 2
    for one, two in itertools.combinations(masks, 2):
        assert (one & two).sum() < 0.93 * (one | two).sum()


@pytest.mark.parametrize(("kind", "drawing"), EVERY_DRAWING)
def test_drawing_fills_its_square_and_stays_in_it(kind: str, drawing: int) -> None:
    mask = on_a_square(made(kind, drawing))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) >= 0.85 * 60
    assert min(rows[0], columns[0]) >= 18
    assert max(rows[-1], columns[-1]) <= 81


@pytest.mark.parametrize(("kind", "drawing"), EVERY_DRAWING)
def test_smallest_drawing_has_pixels_enough(kind: str, drawing: int) -> None:
    assert made(kind, drawing, extent=32.0).solid.sum() >= 150


def test_the_colour_dominates() -> None:
    """The pixels vote, each for the nearest of the eight colours. (Their mean would not do: a little ink makes yellow
    as dark as orange.)"""
    palette = np.asarray(list(COLOURS.values()), dtype=float)

    def commonest(stamp: Sprite) -> str:
        distances = np.linalg.norm(palette[:, None] - stamp.paint[stamp.solid], axis=2)
        return list(COLOURS)[int(np.bincount(distances.argmin(axis=0)).argmax())]

    right = [
        commonest(made(kind, drawing, colour, extent=50.0)) == colour
        for kind, drawing in EVERY_DRAWING
        for colour in COLOURS
    ]
    assert np.mean(right) >= 0.98
