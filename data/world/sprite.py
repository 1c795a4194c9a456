"""One thing as pixels: drawn oversized, turned, shrunk, outlined."""

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from data.world.palette import JITTER_STEPS, inks
from data.world.pen import Pen
from data.world.scene import Thing
from data.world.things import drawings

OUTLINE = 0.85
"""Opacity of the outline's outer pixel."""
PAD = 6
"""Pixels around the drawing, for the outline and the shadow."""
SHADOW_SHIFT = (2, 3)
"""How far the shadow falls to the right and down, pixels."""


@dataclass(frozen=True)
class Sprite:
    """A thing's pixels, to be laid on a picture with its top left corner at ``thing centre + (left, top)``.

    Attributes:
        paint: (h, w, 3) float32, RGB 0..255, already multiplied by ``alpha``.
        alpha: (h, w) float32, 0..1, the outline included.
        shadow: (h, w) float32, 0..1, a soft shadow of the drawing.
        solid: (h, w) bool, covered by at least half: the exact mask.
        box: left, top, right, bottom of the pixels with any alpha, in the sprite's frame, right and bottom excluded.
        left, top: where the sprite's corner lies, relative to the thing's centre, pixels.
    """

    paint: NDArray[np.float32]
    alpha: NDArray[np.float32]
    shadow: NDArray[np.float32]
    solid: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    left: float
    top: float

    def corner(self, x: float, y: float) -> tuple[int, int]:
        """Column and row of the sprite's corner for a thing centred at ``(x, y)``, original pixels."""
        return round(x + self.left), round(y + self.top)


def sprite(thing: Thing) -> Sprite:
    """The thing's sprite; its place does not matter. The small jitter of its colour follows from its other facts."""
    facts = f"{thing.kind} {thing.drawing} {thing.extent:.2f} {thing.angle:.2f} {thing.flip}"
    step = zlib.crc32(facts.encode()) % JITTER_STEPS
    return _sprite(thing.kind, thing.drawing, thing.colour, step, thing.extent, thing.angle, thing.flip)


@lru_cache(maxsize=128)
def _sprite(kind: str, drawing: int, colour: str, step: int, extent: float, angle: float, flip: bool) -> Sprite:
    shades = inks(colour, step)
    shrink = 4 if extent < 60 else 3
    pen = Pen(round(extent * shrink), shades)
    drawings(kind)[drawing](pen)
    canvas = pen.canvas
    if flip:
        canvas = canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if angle:
        canvas = canvas.rotate(angle, expand=True)
    left, top = -canvas.width / shrink / 2 - PAD, -canvas.height / shrink / 2 - PAD
    raw = np.asarray(canvas.convert("RGBa").reduce(shrink), dtype=np.float32)
    small = np.pad(raw, ((PAD, PAD), (PAD, PAD), (0, 0)))
    inner = small[..., 3] / np.float32(255)
    rim = _grown(inner) * np.float32(OUTLINE) * (1 - inner)
    alpha = inner + rim
    paint = small[..., :3] + rim[..., None] * np.asarray(shades.outline, dtype=np.float32)
    solid = alpha >= 0.5
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Sprite(paint, alpha, _shadow(alpha), solid, box, left, top)


def _grown(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """The greatest alpha of each pixel and its four neighbours: the drawing, one pixel wider."""
    grown = alpha.copy()
    np.maximum(grown[1:], alpha[:-1], out=grown[1:])
    np.maximum(grown[:-1], alpha[1:], out=grown[:-1])
    np.maximum(grown[:, 1:], alpha[:, :-1], out=grown[:, 1:])
    np.maximum(grown[:, :-1], alpha[:, 1:], out=grown[:, :-1])
    return grown


def _shadow(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """The drawing's alpha moved right and down and blurred."""
    across, down = SHADOW_SHIFT
    moved = np.zeros(alpha.shape, dtype=np.uint8)
    moved[down:, across:] = alpha[:-down, :-across] * 255
    blurred = Image.fromarray(moved).filter(ImageFilter.BoxBlur(2))
    return np.asarray(blurred, dtype=np.float32) / np.float32(255)
