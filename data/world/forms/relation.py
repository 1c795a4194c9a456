"""By where it lies from another thing: "the cup left of the lamp", "what is above the lamp?"."""

from random import Random

from data.templates.phrases import DIRECTION_WORDS, FOLLOW_DIRECTION_WORDS
from data.world.absent import absent_kind, absent_pair
from data.world.descriptions import (
    DIRECTIONS,
    OPPOSITE,
    And,
    Beside,
    Description,
    Direction,
    Nearest,
    kind,
    pair,
)
from data.world.questions import ABSENT, Form, Proposal, one
from data.world.solver import solve
from data.world.view import Seen, View
from data.world.wording import either, point, put, the

MIRRORED = 0.6
"""Share of absent targets that lie on the other side of the anchor; the others' kind is not in the picture."""
Anchor = tuple[Seen, str, Description]


def anchors(view: View, rng: Random) -> list[Anchor]:
    """Things that can be named alone, in random order: the thing, its words, its description."""
    out: list[Anchor] = []
    for thing in rng.sample(view.things, len(view.things)):
        if view.kinds[thing.kind] == 1 and rng.random() < 0.75:
            out.append((thing, thing.kind, kind(thing.kind)))
        elif view.pairs[thing.colour, thing.kind] == 1:
            out.append((thing, f"{thing.colour} {thing.kind}", pair(thing.colour, thing.kind)))
    return out


def by_relation(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """A thing that surely lies in a direction from an anchor; absent: mirrored, or another kind in its place."""
    other = absent_kind(view, rng)
    absent, mirrored, coloured = rng.random() < ABSENT, rng.random() < MIRRORED, rng.random() < 0.2
    rivals_first = rng.random() < 0.5
    if other is None:
        return None
    for anchor, words, where in anchors(view, rng):
        things = rng.sample(view.things, len(view.things))
        if rivals_first:
            things.sort(key=lambda thing: view.kinds[thing.kind] == 1)
        for thing in things:
            if thing.kind == anchor.kind:
                continue
            what: Description = pair(thing.colour, thing.kind) if coloured else kind(thing.kind)
            for direction in DIRECTIONS:
                here = solve(view, And((what, Beside(direction, where))))
                mirror = solve(view, And((what, Beside(OPPOSITE[direction], where))))
                if here != frozenset({thing.index}) or mirror != frozenset():
                    continue
                bare = f"{thing.colour} {thing.kind}" if coloured else thing.kind
                index: int | None = thing.index
                if absent and mirrored:
                    direction, index = OPPOSITE[direction], None
                elif absent and coloured:
                    instead = absent_pair(view, rng, (thing.colour, thing.kind), same="colour")
                    if instead is None:
                        return None
                    bare, what, index = f"{instead[0]} {instead[1]}", pair(*instead), None
                elif absent:
                    bare, what, index = other, kind(other), None
                return (_asked(view, rng, bare, And((what, Beside(direction, where))), index, direction, words),)
    return None


def _asked(
    view: View, rng: Random, bare: str, what: Description, index: int | None, direction: Direction, words: str
) -> Proposal:
    beside = f"{rng.choice(DIRECTION_WORDS[direction])} the {words}"
    side = rng.choice(FOLLOW_DIRECTION_WORDS[direction])
    question = either(view, rng, the(f"{bare} {beside}"), "relation", bare=bare, beside=beside, side=side, anchor=words)
    return Proposal("relation", question, (one(what, index, f"the {bare}"),), here="there")


def by_neighbour(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """What lies in a direction from an anchor. Asks only where one direction holds one thing and another none."""
    for _, words, where in anchors(view, rng):
        found = {direction: solve(view, Beside(direction, where)) for direction in DIRECTIONS}
        held = [direction for direction, indices in found.items() if indices and len(indices) == 1]
        empty = [direction for direction, indices in found.items() if indices == frozenset()]
        if held and empty:
            direction = rng.choice(empty if rng.random() < ABSENT else held)
            index = next(iter(found[direction] or ()), None)
            beside = f"{rng.choice(DIRECTION_WORDS[direction])} the {words}"
            side = rng.choice(FOLLOW_DIRECTION_WORDS[direction])
            question = put(view, rng, "neighbour", beside=beside, side=side, anchor=words)
            part = one(Beside(direction, where), index, "the thing")
            return (Proposal("neighbour", question, (part,), reason=view.what(index), here="there"),)
    return None


def by_nearness(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """The one of its kind that is nearest to an anchor."""
    other = absent_kind(view, rng)
    if other is None:
        return None
    for anchor, words, where in anchors(view, rng):
        for name, count in view.kinds.items():
            if count < 2 or name == anchor.kind:
                continue
            found = solve(view, Nearest(where, kind(name)))
            if found:
                index = next(iter(found))
                bare, there = (other, None) if rng.random() < ABSENT else (name, index)
                near = rng.choice(("closest to", "nearest to", "nearest"))
                question = point(view, rng, the(f"{bare} {near} the {words}"))
                part = one(Nearest(where, kind(bare)), there, f"the {bare}")
                return (Proposal("nearness", question, (part,)),)
    return None


GROUP = (
    Form("relation", 0.09, 'by kind and a neighbour: "the cup left of the lamp"', by_relation),
    Form("neighbour", 0.03, 'by a neighbour alone: "what is above the lamp?"', by_neighbour),
    Form("nearness", 0.02, 'the nearest of its kind: "the cup closest to the lamp"', by_nearness),
)
