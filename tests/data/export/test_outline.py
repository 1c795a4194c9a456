import numpy as np
import pytest
from PIL import Image, ImageDraw

from data import masks
from data.export import _outline
from data.world.world import World


def noise(seed, share, size=(37, 53)):
    return np.random.default_rng(seed).random(size) < share


def ring():
    mask = np.zeros((12, 14), dtype=bool)
    mask[1:11, 2:13] = True
    mask[3:9, 4:11] = False
    mask[5:7, 6:9] = True  # an island in the hole
    return mask


MASKS = {
    "all": np.ones((5, 7), dtype=bool),
    "pixel": np.eye(1, dtype=bool),
    "corner": np.pad(np.ones((1, 1), dtype=bool), ((0, 4), (6, 0))),
    "line": np.pad(np.ones((1, 5), dtype=bool), 2),
    "steps": np.eye(6, dtype=bool),
    "ring": ring(),
    "sparse": noise(0, 0.2),
    "half": noise(1, 0.5),
    "dense": noise(2, 0.8),
    "two holes above each other": np.kron([[1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 1], [1, 1, 1]], np.ones((3, 3))) > 0,
}


def drawn_by_coco(mask):
    return masks.decode(masks.from_polygons(_outline.corners(mask), mask.shape, "test"))


def filled_with_outline(mask):
    """As ReasonSeg's loader draws a shape: its inside and its outline."""
    value = np.zeros(mask.shape, dtype=bool)
    for points in _outline.centres(mask):
        canvas = Image.new("1", mask.shape[::-1])
        draw = ImageDraw.Draw(canvas)
        draw.polygon(points, fill=1)
        draw.line([*points, points[0]], fill=1)
        value |= np.array(canvas)
    return value


@pytest.mark.parametrize("name", MASKS)
def test_polygons_draw_the_same_mask(name):
    mask = MASKS[name]
    assert (drawn_by_coco(mask) == mask).all()
    assert (filled_with_outline(mask) == mask).all()


def test_a_square_has_four_corners():
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:4, 2:6] = True
    (polygon,) = _outline.corners(mask)
    assert sorted(zip(polygon[::2], polygon[1::2], strict=True)) == [(2, 1), (2, 4), (6, 1), (6, 4)]
    (points,) = _outline.centres(mask)
    assert sorted(points) == [(2, 1), (2, 3), (5, 1), (5, 3)]


def test_a_hole_belongs_to_the_polygon_round_it():
    assert len(_outline.corners(ring())) == 2  # the ring and the island


def test_nothing_has_no_polygon():
    assert _outline.corners(np.zeros((4, 4), dtype=bool)) == []


def test_every_drawn_thing_comes_back_exactly():
    world = World("train", 12)
    for index in range(len(world)):
        for mask in world.view(index).masks:
            assert (drawn_by_coco(mask) == mask).all()
            assert (filled_with_outline(mask) == mask).all()
