"""What to ask for that is not in the picture, so that nothing in the words gives it away.

Kinds and colours are exchangeable: a scene is as likely with any of them in the place of another. A question about
something present is turned into one about something absent by changing a kind or a colour for another that has the same
chance, so the words of both are distributed alike.
"""

from collections.abc import Container
from random import Random
from typing import Literal

from data.world.palette import COLOURS
from data.world.splits import HELD_OUT
from data.world.things import FAMILIES, FAMILY_OF, KINDS
from data.world.view import View

Pair = tuple[str, str]  # colour, kind
NEAR = 0.5
"""Share of absent kinds taken from the family of a thing that is there."""
WRONG_COLOUR, WRONG_KIND = 0.45, 0.35
"""Shares of absent pairs whose kind, or colour, is there; the rest share neither with the pair they replace."""


def absent_kind(view: View, rng: Random, but: frozenset[str] = frozenset()) -> str | None:
    """A kind that is not in the picture, often of the family of one that is; not one of ``but``."""
    if rng.random() < NEAR:
        family = FAMILIES[FAMILY_OF[rng.choice(view.things).kind]]
        near = [kind for kind in family if kind not in view.kinds and kind not in but]
        if near:
            return rng.choice(near)
    kinds = [kind for kind in KINDS if kind not in view.kinds and kind not in but]
    return rng.choice(kinds) if kinds else None


def absent_colour(view: View, rng: Random) -> str | None:
    """A colour that nothing in the picture has."""
    colours = [colour for colour in COLOURS if colour not in view.colours]
    return rng.choice(colours) if colours else None


def absent_pair(view: View, rng: Random, like: Pair, same: Literal["colour", "kind"] | None = None) -> Pair | None:
    """A pair that is not in the picture, in place of ``like``: another colour, another kind, or both. ``same``: what
    the two must share.

    It is a held-out pair exactly when ``like`` is one: being held out says nothing, and training never asks for one.
    """
    colour, kind = like
    draw = {"kind": 0.0, "colour": WRONG_COLOUR, None: rng.random()}[same]
    if draw < WRONG_COLOUR:
        near = [(other, kind) for other in _there_first(rng, tuple(COLOURS), view.colours)]
    elif draw < WRONG_COLOUR + WRONG_KIND:
        near = [(colour, other) for other in _there_first(rng, KINDS, view.kinds)]
    else:
        near = []
    anything = [] if same else [(rng.choice(tuple(COLOURS)), rng.choice(KINDS)) for _ in range(30)]
    for pair in (*near, *anything):
        if pair not in view.pairs and (pair in HELD_OUT) == (like in HELD_OUT):
            return pair
    return None


def _there_first(rng: Random, names: tuple[str, ...], there: Container[str]) -> list[str]:
    """The names in random order, half the time those that are in the picture first."""
    order = rng.sample(names, len(names))
    if rng.random() < 0.5:
        order.sort(key=lambda name: name not in there)
    return order
