"""Hand-made pictures: things as plain rectangles, for tests that know every pixel."""

import numpy as np

from data.world.scene import Scene, Thing
from data.world.view import View, view_of

Block = tuple[str, str, str, int, int, int, int]  # colour, kind, size, left, top, right, bottom (exclusive)


def board(*blocks: Block, height: int = 100, width: int = 100, split: str = "train") -> View:
    """The view of rectangles that do not overlap."""
    masks = np.zeros((len(blocks), height, width), dtype=bool)
    things = []
    for mask, (colour, kind, size, left, top, right, bottom) in zip(masks, blocks, strict=True):
        mask[top:bottom, left:right] = True
        x, y = (left + right - 1) / 2, (top + bottom - 1) / 2
        things.append(Thing(kind, "any", colour, 0, size, x, y, float(right - left), 0.0, False))
    return view_of(Scene(split, 0, height, width, "plain", tuple(things)), masks)
