"""A small drawing pen in the unit square, on top of Pillow.

Coordinates and widths are fractions of the square's side: x to the right, y down, (0, 0) top left. A fill is the name
of a role (:meth:`data.world.palette.Inks.paint`), or None, which erases to transparent (the hole of a handle). The pen
draws without anti-aliasing on an oversized canvas; whoever uses the sprite shrinks it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from data.world.palette import Inks

Point = tuple[float, float]
CURVE_STEPS = 10
"""Straight pieces between two points of a curve."""


@lru_cache(maxsize=1000)
def smooth(points: tuple[Point, ...], steps: int = CURVE_STEPS) -> list[Point]:
    """A closed uniform Catmull-Rom spline through ``points``, as a polygon of ``steps`` pieces between two points."""
    knots = np.asarray(points, dtype=np.float64)
    before, after, beyond = (np.roll(knots, shift, axis=0)[:, None] for shift in (1, -1, -2))
    here = knots[:, None]
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    line = 0.5 * (
        2 * here
        + (after - before) * t
        + (2 * before - 5 * here + 4 * after - beyond) * t**2
        + (3 * here - before - 3 * after + beyond) * t**3
    )
    return [(float(x), float(y)) for x, y in line.reshape(-1, 2)]


class Pen:
    """Draws one thing on a transparent square canvas.

    Attributes:
        canvas: the RGBA picture, ``side`` x ``side`` pixels.
    """

    def __init__(self, side: int, inks: Inks) -> None:
        self.side = side
        self.inks = inks
        self.canvas = Image.new("RGBA", (side, side), (*inks.body, 0))
        self._draw = ImageDraw.Draw(self.canvas)

    def _paint(self, fill: str | None) -> tuple[int, int, int, int]:
        if fill is None:
            return (*self.inks.body, 0)
        return (*self.inks.paint(fill), 255)

    def _at(self, x: float, y: float) -> Point:
        return x * self.side, y * self.side

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        left, right = sorted((x0 * self.side, x1 * self.side))
        top, bottom = sorted((y0 * self.side, y1 * self.side))
        return left, top, right, bottom

    def polygon(self, points: Sequence[Point], fill: str | None) -> None:
        """A filled polygon."""
        self._draw.polygon([self._at(x, y) for x, y in points], fill=self._paint(fill))

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, fill: str | None) -> None:
        """A filled ellipse in the box."""
        self._draw.ellipse(self._box(x0, y0, x1, y1), fill=self._paint(fill))

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: str | None, radius: float = 0.0) -> None:
        """A filled rectangle, with rounded corners where ``radius`` is above 0."""
        box = self._box(x0, y0, x1, y1)
        if radius > 0:
            self._draw.rounded_rectangle(box, radius=radius * self.side, fill=self._paint(fill))
        else:
            self._draw.rectangle(box, fill=self._paint(fill))

    def line(self, points: Sequence[Point], width: float, fill: str | None) -> None:
        """A polyline with round caps and joints."""
        paint = self._paint(fill)
        pixels = [self._at(x, y) for x, y in points]
        thick = max(1.0, width * self.side)
        self._draw.line(pixels, fill=paint, width=round(thick))
        half = thick / 2
        for x, y in pixels:
            self._draw.ellipse((x - half, y - half, x + half, y + half), fill=paint)

    def arc(
        self, x0: float, y0: float, x1: float, y1: float, start: float, end: float, width: float, fill: str | None
    ) -> None:
        """A part of the ellipse in the box, as a band ``width`` wide inside it; degrees clockwise from 3 o'clock."""
        thick = max(1, round(width * self.side))
        self._draw.arc(self._box(x0, y0, x1, y1), start, end, fill=self._paint(fill), width=thick)

    def pie(self, x0: float, y0: float, x1: float, y1: float, start: float, end: float, fill: str | None) -> None:
        """A filled slice of the ellipse in the box; degrees clockwise from 3 o'clock."""
        self._draw.pieslice(self._box(x0, y0, x1, y1), start, end, fill=self._paint(fill))

    def curve(self, points: Sequence[Point], fill: str | None) -> None:
        """A filled closed smooth outline through the points (Catmull-Rom)."""
        self.polygon(smooth(tuple(points)), fill)


Drawing = Callable[[Pen], None]
"""Draws one kind of thing, filling most of the unit square along its longer axis."""
