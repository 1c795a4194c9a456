"""What is in a drawn scene: plain facts, no pixels.

A :class:`Scene` says everything needed to draw a picture and to answer questions about it. It is a pure function of
``(split, seed)`` (see :mod:`data.world.compose`); :mod:`data.world.render` turns it into pixels and exact masks.
"""

from dataclasses import dataclass

SIZES = ("small", "medium", "large")


@dataclass(frozen=True)
class Thing:
    """One drawn thing.

    Attributes:
        kind: what it is, a singular noun ("cup").
        family: the file of :mod:`data.world.things` that draws it ("kitchen").
        colour: one of :data:`data.world.palette.COLOURS`.
        drawing: which of the kind's drawings, an index.
        size: one of :data:`SIZES`.
        x, y: centre of the drawing's unit square, original pixels.
        extent: side of the unit square, original pixels.
        angle: counter-clockwise rotation in degrees, small (things stay recognisable).
        flip: mirrored left to right.
    """

    kind: str
    family: str
    colour: str
    drawing: int
    size: str
    x: float
    y: float
    extent: float
    angle: float
    flip: bool


@dataclass(frozen=True)
class Scene:
    """A picture's facts. ``things`` are in painting order: the last one lies on top."""

    split: str
    seed: int
    height: int
    width: int
    backdrop: str
    things: tuple[Thing, ...]
