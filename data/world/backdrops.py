"""Calm backgrounds, indoors and outdoors: muted paints, so that things stand out.

A backdrop is drawn once for each name and shape and kept; a scene sees it mirrored and tinted a little.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SCALE = 2
"""Backdrops are drawn this many times too large, then shrunk."""
Rgb = tuple[int, int, int]


class Brush:
    """Draws in fractions of the picture's height and width."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height * SCALE, width * SCALE
        self.image = Image.new("RGB", (self.width, self.height))
        self._draw = ImageDraw.Draw(self.image)

    def band(self, top: float, bottom: float, paint: Rgb) -> None:
        """A strip over the whole width."""
        self.rect(0, top, 1, bottom, paint)

    def rect(self, x0: float, y0: float, x1: float, y1: float, paint: Rgb, radius: float = 0.0) -> None:
        """A rectangle; ``radius`` of its corners as a fraction of the shorter side of the picture."""
        box = (x0 * self.width, y0 * self.height, x1 * self.width, y1 * self.height)
        self._draw.rounded_rectangle(box, radius * min(self.width, self.height), fill=paint)

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, paint: Rgb) -> None:
        self._draw.ellipse((x0 * self.width, y0 * self.height, x1 * self.width, y1 * self.height), fill=paint)

    def polygon(self, points: list[tuple[float, float]], paint: Rgb) -> None:
        self._draw.polygon([(x * self.width, y * self.height) for x, y in points], fill=paint)

    def line(self, x0: float, y0: float, x1: float, y1: float, paint: Rgb, width: int = 1) -> None:
        """A straight line ``width`` original pixels wide."""
        ends = (x0 * self.width, y0 * self.height, x1 * self.width, y1 * self.height)
        self._draw.line(ends, fill=paint, width=width * SCALE)

    def shade(self, top: float, bottom: float, above: Rgb, below: Rgb) -> None:
        """A strip that goes smoothly from one paint to another."""
        first, last = round(top * self.height), round(bottom * self.height)
        for row in range(first, last):
            share = (row - first) / max(1, last - first)
            paint = tuple(round(a + (b - a) * share) for a, b in zip(above, below, strict=True))
            self._draw.line((0, row, self.width, row), fill=paint)

    def hills(self, base: float, height: float, waves: float, phase: float, paint: Rgb) -> None:
        """Everything below a wavy line around ``base``."""
        xs = np.linspace(0, 1, 60)
        ys = base + height * np.sin(2 * np.pi * (waves * xs + phase))
        outline = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        self.polygon([*outline, (1, 1), (0, 1)], paint)


def _room(brush: Brush) -> None:
    brush.shade(0, 0.64, (216, 208, 192), (206, 197, 180))
    brush.band(0.61, 0.645, (232, 227, 216))
    brush.band(0.64, 0.65, (168, 158, 140))
    brush.shade(0.65, 1, (170, 147, 122), (186, 163, 138))
    for row in range(1, 5):
        brush.line(0, 0.65 + row * 0.08, 1, 0.65 + row * 0.08, (158, 135, 111))
    for row in range(5):
        for column in range(3):
            x = (column + 0.37 * (row % 3)) / 2.6
            brush.line(x, 0.65 + row * 0.08, x, 0.73 + row * 0.08, (158, 135, 111))


def _tiles(brush: Brush) -> None:
    brush.band(0, 1, (186, 200, 200))
    step = 32 * SCALE
    for x in range(0, brush.width, step):
        brush.line(x / brush.width, 0, x / brush.width, 0.72, (204, 214, 214))
    for y in range(0, round(0.72 * brush.height), step):
        brush.line(0, y / brush.height, 1, y / brush.height, (204, 214, 214))
    brush.band(0.72, 0.76, (150, 138, 124))
    brush.shade(0.76, 1, (178, 166, 150), (166, 154, 138))


def _rug(brush: Brush) -> None:
    brush.band(0, 1, (182, 164, 142))
    for row in range(1, 10):
        brush.line(0, row / 10, 1, row / 10, (170, 152, 130))
    brush.rect(0.08, 0.1, 0.92, 0.9, (146, 152, 166), 0.08)
    brush.rect(0.12, 0.145, 0.88, 0.855, (184, 186, 190), 0.06)
    brush.rect(0.15, 0.175, 0.85, 0.825, (164, 169, 180), 0.05)


def _shelf(brush: Brush) -> None:
    brush.band(0, 1, (198, 204, 194))
    for x in range(1, 6):
        brush.line(x / 6, 0, x / 6, 1, (190, 196, 186))
    for y in (0.32, 0.64, 0.96):
        brush.band(y, y + 0.035, (164, 138, 110))
        brush.band(y + 0.035, y + 0.05, (174, 179, 169))


def _stripes(brush: Brush) -> None:
    brush.band(0, 1, (204, 198, 206))
    for x in range(0, 12, 2):
        brush.rect(x / 12, 0, (x + 1) / 12, 0.7, (196, 189, 199))
    brush.band(0.68, 0.72, (226, 222, 222))
    brush.shade(0.72, 1, (158, 150, 152), (170, 162, 162))


def _meadow(brush: Brush) -> None:
    brush.shade(0, 0.5, (178, 204, 222), (214, 224, 222))
    brush.ellipse(0.12, 0.09, 0.34, 0.17, (226, 233, 236))
    brush.ellipse(0.22, 0.06, 0.42, 0.16, (226, 233, 236))
    brush.hills(0.47, 0.03, 1.2, 0.1, (168, 190, 150))
    brush.hills(0.56, 0.025, 0.8, 0.5, (156, 182, 136))
    brush.hills(0.78, 0.02, 1.0, 0.8, (146, 174, 126))


def _beach(brush: Brush) -> None:
    brush.shade(0, 0.36, (186, 212, 226), (220, 230, 230))
    brush.shade(0.36, 0.55, (128, 172, 186), (156, 192, 198))
    brush.hills(0.54, 0.012, 2.0, 0.0, (222, 228, 220))
    brush.hills(0.56, 0.012, 2.0, 0.03, (222, 208, 176))
    brush.hills(0.8, 0.02, 1.1, 0.4, (214, 198, 166))


def _street(brush: Brush) -> None:
    brush.shade(0, 0.55, (190, 200, 210), (212, 214, 212))
    for left, right, top, paint in (
        (0.0, 0.2, 0.2, (178, 166, 156)),
        (0.2, 0.42, 0.1, (166, 172, 178)),
        (0.42, 0.7, 0.26, (184, 176, 164)),
        (0.7, 1.0, 0.14, (168, 162, 164)),
    ):
        brush.rect(left, top, right, 0.6, paint)
        pane = (paint[0] - 16, paint[1] - 12, paint[2] - 6)
        for row in range(3):
            for column in range(2):
                x, y = left + (column + 0.6) * (right - left) / 2.6, top + 0.05 + row * 0.12
                brush.rect(x, y, x + 0.05, y + 0.06, pane)
    brush.band(0.58, 0.68, (180, 178, 174))
    brush.band(0.67, 0.69, (150, 148, 146))
    brush.shade(0.69, 1, (128, 130, 134), (140, 142, 146))
    for x in range(4):
        brush.rect(x / 4 + 0.05, 0.83, x / 4 + 0.17, 0.85, (186, 186, 180))


def _snow(brush: Brush) -> None:
    brush.shade(0, 0.55, (152, 172, 196), (190, 202, 214))
    brush.polygon([(-0.1, 0.55), (0.22, 0.2), (0.5, 0.55)], (158, 170, 186))
    brush.polygon([(0.35, 0.55), (0.68, 0.26), (1.05, 0.55)], (168, 180, 194))
    brush.hills(0.52, 0.02, 1.1, 0.2, (198, 208, 218))
    brush.hills(0.7, 0.025, 0.9, 0.6, (208, 216, 224))


def _dusk(brush: Brush) -> None:
    brush.shade(0, 0.6, (120, 118, 148), (196, 168, 160))
    for x in (0.1, 0.34, 0.78):
        brush.ellipse(x - 0.11, 0.3, x + 0.11, 0.52, (104, 112, 118))
        brush.rect(x - 0.012, 0.48, x + 0.012, 0.62, (96, 98, 104))
    brush.hills(0.58, 0.02, 0.9, 0.3, (108, 122, 112))
    brush.polygon([(0.42, 0.6), (0.5, 0.6), (0.75, 1), (0.2, 1)], (148, 142, 136))


_PAINTERS: dict[str, Callable[[Brush], None]] = {
    "room": _room,
    "kitchen tiles": _tiles,
    "rug": _rug,
    "shelf": _shelf,
    "striped wall": _stripes,
    "meadow": _meadow,
    "beach": _beach,
    "street": _street,
    "snow": _snow,
    "park at dusk": _dusk,
}

INDOOR = ("room", "kitchen tiles", "rug", "shelf", "striped wall")
OUTDOOR = ("meadow", "beach", "street", "snow", "park at dusk")
BACKDROPS = INDOOR + OUTDOOR


@lru_cache(maxsize=100)
def _painted(name: str, height: int, width: int) -> NDArray[np.uint8]:
    brush = Brush(height, width)
    _PAINTERS[name](brush)
    return np.asarray(brush.image.reduce(SCALE))


def backdrop(name: str, height: int, width: int, variation: int) -> NDArray[np.float32]:
    """The backdrop of that name, (height, width, 3) float32, RGB about 0..255; the caller clips.

    ``variation`` decides mirroring and a light tint.

    Raises:
        KeyError: no such backdrop.
    """
    base = _painted(name, height, width)
    if variation % 2:
        base = base[:, ::-1]
    tint = [(variation >> shift) % 13 - 6 for shift in (1, 5, 9)]
    lift = (variation >> 13) % 17 - 8
    return np.add(base, [t + lift for t in tint], dtype=np.float32)
