"""The drawings straight from the pen, before they are turned, shrunk and outlined."""

import itertools
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from data.world.palette import inks
from data.world.pen import Pen
from data.world.things import KINDS, drawings

SIDE = 100
INKS = inks("purple")
EVERY_DRAWING = [(kind, index) for kind in KINDS for index in range(len(drawings(kind)))]


@lru_cache(maxsize=200)
def drawn(kind: str, drawing: int) -> NDArray[np.uint8]:
    """RGBA, (SIDE, SIDE, 4) uint8."""
    pen = Pen(SIDE, INKS)
    drawings(kind)[drawing](pen)
    return np.asarray(pen.canvas)


def covered(kind: str, drawing: int) -> NDArray[np.bool_]:
    """The pixels the drawing paints, (SIDE, SIDE) bool."""
    return drawn(kind, drawing)[..., 3] > 0


@pytest.mark.parametrize(("kind", "drawing"), EVERY_DRAWING)
def test_silhouette_is_neither_thin_nor_the_whole_square(kind: str, drawing: int) -> None:
    assert 0.12 <= covered(kind, drawing).mean() <= 0.95


@pytest.mark.parametrize(("kind", "drawing"), EVERY_DRAWING)
def test_most_of_the_drawing_is_in_its_own_colour(kind: str, drawing: int) -> None:
    pixels = drawn(kind, drawing)[covered(kind, drawing)][:, :3]
    own = sum(int((pixels == shade).all(axis=1).sum()) for shade in (INKS.body, INKS.light, INKS.dark))
    assert own >= 0.5 * len(pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_drawings_of_a_kind_differ(kind: str) -> None:
    masks = [covered(kind, index) for index in range(len(drawings(kind)))]
    for one, two in itertools.combinations(masks, 2):
        assert (one & two).sum() < 0.9 * (one | two).sum()


def test_no_two_kinds_share_a_silhouette() -> None:
    """Nor each other's mirror image, since scenes mirror things. Two plain boxes overlapped by 0.95 once (a book and a
    bed seen from above) and could not be told apart when small."""
    masks = np.stack([covered(*each).ravel() for each in EVERY_DRAWING]).astype(np.float32)
    mirrored = np.stack([covered(*each)[:, ::-1].ravel() for each in EVERY_DRAWING]).astype(np.float32)
    area = masks.sum(axis=1)
    alike = []
    for other in (masks, mirrored):
        both = masks @ other.T
        iou = both / (area[:, None] + area[None] - both)
        alike += [
            (EVERY_DRAWING[i], EVERY_DRAWING[j])
            for i, j in np.argwhere(iou > 0.88)
            if EVERY_DRAWING[i][0] != EVERY_DRAWING[j][0]
        ]
    assert not alike
