"""A scene's facts turned into a picture and the exact mask of each thing."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.world.backdrops import backdrop
from data.world.scene import Scene
from data.world.sprite import sprite

SHADOW_STRENGTH = 0.22


@dataclass(frozen=True)
class Picture:
    """A rendered scene.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        masks: (N, H, W) bool, the visible pixels of each thing, in the order of ``scene.things``; disjoint.
    """

    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]


def render(scene: Scene) -> Picture:
    """Paints the scene. A pixel belongs to the topmost thing that covers it by at least half."""
    variation = zlib.crc32(f"{scene.split} {scene.seed} {scene.backdrop}".encode())
    canvas = backdrop(scene.backdrop, scene.height, scene.width, variation)
    owner = np.full((scene.height, scene.width), -1, dtype=np.int16)
    for index, thing in enumerate(scene.things):
        stamp = sprite(thing)
        column, row = stamp.corner(thing.x, thing.y)
        height, width = stamp.alpha.shape
        top, left = max(0, -row), max(0, -column)
        bottom, right = min(height, scene.height - row), min(width, scene.width - column)
        here = np.s_[row + top : row + bottom, column + left : column + right]
        part = np.s_[top:bottom, left:right]
        spot = canvas[here]
        shade = (1 - SHADOW_STRENGTH * stamp.shadow[part]) * (1 - stamp.alpha[part])
        spot *= shade[..., None]
        spot += stamp.paint[part]
        owner[here][stamp.solid[part]] = index
    masks = owner[None] == np.arange(len(scene.things), dtype=np.int16)[:, None, None]
    return Picture(np.rint(canvas, out=canvas).clip(0, 255, out=canvas).astype(np.uint8), masks)
