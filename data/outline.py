"""Masks as polygons that draw the same mask again.

Both kinds follow the cracks between pixels inside and outside. A hole is part of the polygon round it, joined by a line
that is walked there and back: what fills by parity leaves it empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

Point = tuple[int, int]  # x, y

SIDES = (  # of a pixel, clockwise: (rows, columns) to the neighbour outside, its first and its last corner
    ((-1, 0), (0, 0), (1, 0)),
    ((0, 1), (1, 0), (1, 1)),
    ((1, 0), (1, 1), (0, 1)),
    ((0, -1), (0, 1), (0, 0)),
)
TOP, BOTTOM = 0, 2


@dataclass
class _Edge:
    """One side of a pixel on the outline: its first corner, the pixel, which side, and the holes that hang from it."""

    corner: Point
    pixel: Point
    side: int
    holes: list[list["_Edge"]] = field(default_factory=list)

    @property
    def end(self) -> Point:
        x, y = SIDES[self.side][2]
        return self.pixel[0] + x, self.pixel[1] + y


def corners(mask: np.ndarray) -> list[list[float]]:
    """``(H, W)`` bool -> COCO polygons ``[x, y, x, y, ...]`` along the corners of pixels, one for each part of the
    mask. pycocotools draws exactly the mask from them."""
    walks = (_straight([edge.corner for edge in _with_holes(loop)]) for loop in _outlines(mask))
    return [[float(value) for point in walk for value in point] for walk in walks]


def centres(mask: np.ndarray) -> list[list[Point]]:
    """``(H, W)`` bool -> polygons through the outermost pixels, one for each part, for what fills a polygon and draws
    its outline; of three points at least, some of them the same where a part is a pixel or a line."""
    walks = [_straight([edge.pixel for edge in _with_holes(loop)]) for loop in _outlines(mask)]
    return [walk + walk[-1:] * (3 - len(walk)) for walk in walks]


def _outlines(mask: np.ndarray) -> list[list[_Edge]]:
    """The walk round each part of the mask, its holes hung below the edges straight above them."""
    loops = _loops(mask)
    tops = {edge.pixel: edge for loop in loops for edge in loop if edge.side == TOP}
    outer = []
    for loop in loops:
        if _clockwise(loop):
            outer.append(loop)
            continue
        number = min((n for n, edge in enumerate(loop) if edge.side == BOTTOM), key=lambda n: loop[n].pixel[::-1])
        x, y = loop[number].pixel
        while (x, y) not in tops:  # up through the mask to the outline, or to another hole
            y -= 1
        tops[x, y].holes.append(loop[number + 1 :] + loop[: number + 1])  # begins below its upper left corner
    return outer


def _loops(mask: np.ndarray) -> list[list[_Edge]]:
    """Closed walks along all cracks; the mask lies on the right hand."""
    height, width = mask.shape
    framed = np.pad(mask, 1)
    begin: dict[Point, list[_Edge]] = {}
    for side, ((down, right), (x0, y0), _) in enumerate(SIDES):
        beside = framed[1 + down : 1 + down + height, 1 + right : 1 + right + width]
        for y, x in np.argwhere(mask & ~beside).tolist():
            begin.setdefault((x + x0, y + y0), []).append(_Edge((x + x0, y + y0), (x, y), side))
    loops = []
    for edges in list(begin.values()):
        while edges:
            loops.append([edge := edges.pop()])
            # Where two pixels touch at a corner the walk stays with its own.
            while ways := begin[edge.end]:
                own = [way for way in ways if way.pixel == edge.pixel]
                if not own and edge.end == loops[-1][0].corner and loops[-1][0].pixel == edge.pixel:
                    break
                edge = (own or ways)[0]
                ways.remove(edge)
                loops[-1].append(edge)
    return loops


def _clockwise(loop: list[_Edge]) -> bool:
    """Whether the walk goes round the mask and not round a hole."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in ((edge.corner, edge.end) for edge in loop)) > 0


def _with_holes(loop: list[_Edge]) -> Iterator[_Edge]:
    """A walk with those round its holes, there and back straight down from the edge that they hang from."""
    for edge in loop:
        for hole in edge.holes:
            there = _Edge(hole[-1].end, hole[-1].pixel, BOTTOM)
            yield from (edge, there)
            yield from _with_holes(hole)
            yield there
        yield edge


def _straight(points: list[Point]) -> list[Point]:
    """The same closed walk without points that it goes straight through."""
    once = [point for point, before in zip(points, [points[-1], *points[:-1]], strict=True) if point != before]
    if not once:
        return points[:1]
    kept = []
    for before, point, after in zip([once[-1], *once[:-1]], once, [*once[1:], once[0]], strict=True):
        if _way(before, point) != _way(point, after):
            kept.append(point)
    return kept


def _way(begin: Point, end: Point) -> Point:
    """The direction of a step along a row, a column or a diagonal."""
    return int(np.sign(end[0] - begin[0])), int(np.sign(end[1] - begin[1]))
