"""By what a thing is: its kind, its kind and colour, its colour."""

from random import Random

from data.world.absent import absent_colour, absent_kind, absent_pair
from data.world.descriptions import Colour, kind, pair
from data.world.questions import ABSENT, Form, Proposal, one
from data.world.view import View
from data.world.wording import either, the


def by_kind(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "Where is the cup?" """
    single = [thing for thing in view.things if view.kinds[thing.kind] == 1]
    other = absent_kind(view, rng)
    if not single or other is None:
        return None
    thing = rng.choice(single)
    name, index = (other, None) if rng.random() < ABSENT else (thing.kind, thing.index)
    question = either(view, rng, the(name), "kind", bare=name)
    return (Proposal("kind", question, (one(kind(name), index, f"the {name}"),)),)


def by_colour(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "Where is the red cup?" """
    single = [thing for thing in view.things if view.pairs[thing.colour, thing.kind] == 1]
    if not single:
        return None
    rivals = [thing for thing in single if view.kinds[thing.kind] > 1]
    thing = rng.choice(rivals if rivals and rng.random() < 0.5 else single)
    other = absent_pair(view, rng, (thing.colour, thing.kind))
    if other is None:
        return None
    (colour, name), index = (thing.colour, thing.kind), thing.index
    absent = rng.random() < ABSENT
    if absent:
        colour, name = other
    phrase = f"{colour} {name}"
    question = either(view, rng, the(phrase), "colour", kind=name, colour=colour, bare=name)
    return (Proposal("colour", question, (one(pair(colour, name), None if absent else index, f"the {phrase}"),)),)


def by_hue(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "Which thing is red?" """
    single = [thing for thing in view.things if view.colours[thing.colour] == 1]
    other = absent_colour(view, rng)
    if not single or other is None:
        return None
    thing = rng.choice(single)
    colour, index = (other, None) if rng.random() < ABSENT else (thing.colour, thing.index)
    question = either(view, rng, the(f"{colour} thing"), "hue", colour=colour)
    part = one(Colour(colour), index, f"the {colour} thing")
    return (Proposal("hue", question, (part,), reason=view.what(index, colour=False)),)


GROUP = (
    Form("kind", 0.10, 'by what it is: "the cup"', by_kind),
    Form("colour", 0.12, 'by colour and kind: "the red cup"', by_colour),
    Form("hue", 0.04, 'by colour alone: "the red thing"', by_hue),
)
