import numpy as np
import pytest
from PIL import Image, ImageDraw

from data import masks, outline
from data.world.world import World
from tests.data.hard import MASKS, ring


def drawn_by_coco(mask):
    return masks.decode(masks.from_polygons(outline.corners(mask), mask.shape, "test"))


def filled_with_outline(mask):
    """As ReasonSeg's loader draws a shape: its inside and its outline."""
    value = np.zeros(mask.shape, dtype=bool)
    for points in outline.centres(mask):
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
    (polygon,) = outline.corners(mask)
    assert sorted(zip(polygon[::2], polygon[1::2], strict=True)) == [(2, 1), (2, 4), (6, 1), (6, 4)]
    (points,) = outline.centres(mask)
    assert sorted(points) == [(2, 1), (2, 3), (5, 1), (5, 3)]


def test_a_hole_belongs_to_the_polygon_round_it():
    assert len(outline.corners(ring())) == 2  # the ring and the island


def test_nothing_has_no_polygon():
    assert outline.corners(np.zeros((4, 4), dtype=bool)) == []


def test_every_drawn_thing_comes_back_exactly():
    world = World("train", 12)
    for index in range(len(world)):
        for mask in world.view(index).masks:
            assert (drawn_by_coco(mask) == mask).all()
            assert (filled_with_outline(mask) == mask).all()
