"""By what it is not: "the cup that is not red", "everything that is not a fruit"."""

from random import Random

from data.world.absent import absent_kind
from data.world.descriptions import And, Colour, Description, Kind, Not, kind
from data.world.forms.family import FAMILIES
from data.world.nouns import a, plural
from data.world.palette import COLOURS
from data.world.questions import ABSENT, Form, Part, Proposal, one
from data.world.splits import HELD_OUT
from data.world.view import View
from data.world.wording import Phrase, either, point, the

MOST = 6
"""Most things that one set may have."""


def by_other_colour(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """The only one of its kind that has not a colour. Absent: all of its kind have that colour, or there is none."""
    absent, missing = rng.random() < ABSENT, rng.random() < 0.25
    here: list[tuple[str, str, int | None]] = []
    gone: list[tuple[str, str, int | None]] = []
    for name in view.kinds:
        colours = [thing.colour for thing in view.things if thing.kind == name]
        for colour in dict.fromkeys(colours):
            others = [t.index for t in view.things if t.kind == name and t.colour != colour]
            if not others:
                gone.append((colour, name, None))
            if len(others) == 1:
                here.append((colour, name, others[0]))
    if missing and (other := absent_kind(view, rng)):
        gone = [(colour, other, None) for colour in view.colours if (colour, other) not in HELD_OUT]
    if not here or not gone:
        return None
    colour, name, index = rng.choice(gone if absent else here)
    relative = rng.choice(("that is not", "that isn't", "which is not"))
    question = either(
        view, rng, the(f"{name} {relative} {colour}"), "negation", bare=name, other=colour, a_other=a(colour)
    )
    part = one(And((kind(name), Not(Colour(colour)))), index, f"the {name}")
    return (Proposal("negation", question, (part,), here="there"),)


def by_rest(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """Everything but some: never absent."""
    colour, name, family = rng.choice(tuple(COLOURS)), rng.choice(tuple(view.kinds)), rng.choice(FAMILIES)
    text, left_out = rng.choice(
        (
            (rng.choice((colour, f"{colour} in colour")), Colour(colour)),
            (rng.choice((a(name), f"one of the {plural(name)}")), kind(name)),
            (_one_of(family.single), family.meaning),
        )
    )
    meaning = Not(left_out)
    meant = _meant(view, left_out)
    if not 1 <= len(meant) <= MOST or len(meant) == len(view.things):
        return None
    start = rng.choice(("everything that is not", "everything that isn't", "every thing that is not"))
    question = point(view, rng, Phrase(f"{start} {text}"))
    return (Proposal("rest", question, (Part(meaning, meant, "the things", each=True, many=True),)),)


def _one_of(single: str) -> str:
    return a(single.removeprefix("the "))


def _meant(view: View, left_out: Description) -> frozenset[int]:
    """What remains when a kind, a family or a colour is taken away."""
    if isinstance(left_out, Colour):
        return frozenset(thing.index for thing in view.things if thing.colour != left_out.name)
    assert isinstance(left_out, Kind)
    return frozenset(thing.index for thing in view.things if thing.kind not in left_out.names)


GROUP = (
    Form("negation", 0.07, 'by what it is not: "the cup that is not red"', by_other_colour),
    Form("rest", 0.015, 'all but some: "everything that is not a fruit"', by_rest),
)
