"""Which things satisfy a description: the judge of every question.

It knows the picture's facts (kind, colour, size class, box, centre and visible area of each thing) and nothing of how
the question was made. Where a careful person could hesitate it does not answer: each judgement is True, False or None
(unsure), and one None makes the whole description ambiguous.
"""

import math

from data.world.descriptions import (
    And,
    Anything,
    Beside,
    Colour,
    Count,
    Description,
    Direction,
    It,
    Kind,
    Most,
    Nearest,
    Not,
    Order,
    Place,
    Sized,
    Where,
)
from data.world.view import Seen, View

MARGIN = 0.06
"""Places and distances closer than this share of the picture's longer side are not told apart."""
AREA_RATIO = 1.25
"""Areas closer than this ratio are not told apart."""
LEAST_AREA = 100
"""A thing with fewer visible pixels is not asked for."""
SURELY, SURELY_NOT = 50.0, 68.0
"""Degrees off the direction within which a thing surely lies in it, beyond which it surely does not."""
MIDDLE, OUTER = 0.15, 0.25
"""Share of the side from the picture's centre within which a thing is in the middle, beyond which it is not."""

Verdict = bool | None


def solve(view: View, description: Description) -> frozenset[int] | None:
    """The indices of the things that satisfy the description, empty when none does; None when that is ambiguous."""
    match description:
        case Sized(size, among):
            return _sized(view, size, solve(view, among))
        case Most(order, among):
            return _most(view, order, solve(view, among))
        case Nearest(anchor, among):
            return _nearest(view, solve(view, anchor), solve(view, among))
        case Count(number, among):
            found = solve(view, among)
            return found if found is not None and len(found) in (0, number) else None
    chosen = set()
    for thing in view.things:
        verdict = judge(view, description, thing)
        if verdict is None or (verdict and thing.area < LEAST_AREA):
            return None
        if verdict:
            chosen.add(thing.index)
    return frozenset(chosen)


def judge(view: View, description: Description, thing: Seen) -> Verdict:
    """Whether one thing satisfies the description (Kleene's three-valued logic); None is unsure."""
    match description:
        case Anything():
            return True
        case Kind(names, perhaps):
            return None if thing.kind in perhaps else thing.kind in names
        case Colour(name):
            return thing.colour == name
        case It(index):
            return thing.index == index
        case Place(where):
            return _in_place(view, where, thing)
        case Beside(direction, anchor):
            return _beside(view, direction, solve(view, anchor), thing)
        case Not(inner):
            verdict = judge(view, inner, thing)
            return None if verdict is None else not verdict
        case And(parts):
            return _all([judge(view, part, thing) for part in parts])
    found = solve(view, description)
    return None if found is None else thing.index in found


def _all(verdicts: list[Verdict]) -> Verdict:
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _half(away: float, margin: float) -> Verdict:
    """Whether a signed distance is positive, unsure within the margin."""
    return None if abs(away) < margin else away > 0


def _in_place(view: View, where: Where, thing: Seen) -> Verdict:
    margin = MARGIN * view.reach
    x, y = thing.x - (view.width - 1) / 2, thing.y - (view.height - 1) / 2
    if where == "middle":
        off = max(abs(x) / view.width, abs(y) / view.height)
        return True if off <= MIDDLE else False if off >= OUTER else None
    sides = {"left": -x, "right": x, "top": -y, "bottom": y}
    return _all([_half(sides[side], margin) for side in where.split()])


def _beside(view: View, direction: Direction, anchors: frozenset[int] | None, thing: Seen) -> Verdict:
    if anchors is None or len(anchors) > 1:
        return None
    if not anchors:
        return False
    (index,) = anchors
    if index == thing.index:
        return False
    anchor = view.things[index]
    x, y = thing.x - anchor.x, thing.y - anchor.y
    if math.hypot(x, y) < MARGIN * view.reach:
        return None
    along, across = {"left": (-x, y), "right": (x, y), "above": (-y, x), "below": (y, x)}[direction]
    off = math.degrees(math.atan2(abs(across), along))
    return True if off <= SURELY else False if off >= SURELY_NOT else None


def _sized(view: View, size: str, among: frozenset[int] | None) -> frozenset[int] | None:
    """The things of the size class, when every other is plainly of another size. A medium one beside none of the class
    might pass for one, so then nothing is said."""
    if among is None:
        return None
    things = [view.things[index] for index in among]
    chosen = [thing for thing in things if thing.size == size]
    others = [thing for thing in things if thing.size != size]
    if not chosen:
        return None if any(thing.size == "medium" for thing in others) else frozenset()
    for one in chosen:
        for other in others:
            lesser, greater = (one.area, other.area) if size == "small" else (other.area, one.area)
            if greater < AREA_RATIO * lesser:
                return None
    return frozenset(thing.index for thing in chosen)


def _most(view: View, order: Order, among: frozenset[int] | None) -> frozenset[int] | None:
    """The first in the order, when it leads by the margin; of one thing alone nothing is said to be the most."""
    if among is None or len(among) == 1:
        return None
    things = [view.things[index] for index in among]
    for thing in things:
        if all(_precedes(view, order, thing, other) for other in things if other is not thing):
            return frozenset({thing.index})
    return None if things else frozenset()


def _precedes(view: View, order: Order, one: Seen, other: Seen) -> bool:
    """Whether one thing comes before another by any way of looking: by centre and edge, by area and length."""
    margin = MARGIN * view.reach
    match order:
        case "leftmost":
            return one.x + margin <= other.x and one.left < other.left
        case "rightmost":
            return one.x - margin >= other.x and one.right > other.right
        case "topmost":
            return one.y + margin <= other.y and one.top < other.top
        case "lowest":
            return one.y - margin >= other.y and one.bottom > other.bottom
        case "biggest":
            return one.area >= AREA_RATIO * other.area and one.span >= other.span
        case "smallest":
            return one.area * AREA_RATIO <= other.area and one.span <= other.span


def _nearest(view: View, anchors: frozenset[int] | None, among: frozenset[int] | None) -> frozenset[int] | None:
    """By centres and by the gap between the boxes alike, with the margin."""
    if anchors is None or among is None or len(anchors) > 1:
        return None
    if not anchors or not among - anchors:
        return frozenset()
    if len(among - anchors) == 1:
        return None
    (index,) = anchors
    anchor = view.things[index]
    centres = sorted((math.hypot(view.things[i].x - anchor.x, view.things[i].y - anchor.y), i) for i in among - anchors)
    gaps = sorted((_gap(view.things[i], anchor), i) for i in among - anchors)
    (first, nearest), (second, _) = centres[:2]
    if second - first < MARGIN * view.reach or gaps[0][1] != nearest:
        return None
    return frozenset({nearest})


def _gap(one: Seen, other: Seen) -> float:
    """Pixels between two boxes."""
    across = max(0, one.left - other.right, other.left - one.right)
    down = max(0, one.top - other.bottom, other.top - one.bottom)
    return math.hypot(across, down)
