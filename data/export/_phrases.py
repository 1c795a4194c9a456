"""Words that mean things of a scene without doubt: the solver finds exactly the things that are meant."""

from dataclasses import dataclass
from random import Random

from data.templates.phrases import ORDER_WORDS
from data.world.absent import absent_kind, absent_pair
from data.world.descriptions import ORDERS, Anything, Colour, Description, Kind, Most, kind, pair
from data.world.nouns import a, plural
from data.world.solver import solve
from data.world.uses import FACTS, Fact
from data.world.view import View

PLACES = ("leftmost", "rightmost", "topmost", "lowest")


@dataclass(frozen=True)
class Phrase:
    """Words for some things.

    Attributes:
        text: "the red cup".
        things: their indices.
        place: it says where they are, which RefCOCO+ leaves out.
    """

    text: str
    things: frozenset[int]
    place: bool = False


def singles(view: View) -> dict[int, list[Phrase]]:
    """For things that can be named alone, ways to do so, the shortest first."""
    found: dict[int, list[Phrase]] = {}
    for index, thing in enumerate(view.things):
        ways: list[tuple[str, Description, bool]] = [
            (f"the {thing.kind}", kind(thing.kind), False),
            (f"the {thing.colour} {thing.kind}", pair(thing.colour, thing.kind), False),
            (f"the {thing.colour} thing", Colour(thing.colour), False),
        ]
        for order in ORDERS if view.kinds[thing.kind] > 1 else ():
            words = f"the {ORDER_WORDS[order][0]} {thing.kind}"
            ways.append((words, Most(order, kind(thing.kind)), order in PLACES))
        for order in ORDERS:
            ways.append((f"the {ORDER_WORDS[order][0]} thing", Most(order, Anything()), order in PLACES))
        meant = frozenset({index})
        phrases = [Phrase(text, meant, place) for text, what, place in ways if solve(view, what) == meant]
        if phrases:
            found[index] = phrases
    return found


def groups(view: View) -> list[list[Phrase]]:
    """For sets of two things or more, ways to name them."""
    found = []
    for name, count in view.kinds.items():
        meant = solve(view, kind(name))
        if count > 1 and meant:
            found.append([Phrase(text, meant) for text in (f"all the {plural(name)}", f"every {name}")])
    for colour, count in view.colours.items():
        meant = solve(view, Colour(colour))
        if count > 1 and meant:
            found.append([Phrase(text, meant) for text in (f"all the {colour} things", f"everything {colour}")])
    alone = singles(view)
    if len(alone) > 1:
        first, second = list(alone)[:2]
        found.append([Phrase(f"{alone[first][0].text} and {alone[second][0].text}", frozenset({first, second}))])
    return found


def absent(view: View, rng: Random) -> str:
    """Words for something that is not there."""
    name = absent_kind(view, rng)
    return f"the {name}" if name else "the submarine"


def falsified(view: View, rng: Random, index: int) -> str:
    """Words for a thing that is not there and much like one that is: of another colour, or another kind."""
    thing = view.things[index]
    other = absent_pair(view, rng, (thing.colour, thing.kind))
    return f"the {other[0]} {other[1]}" if other else absent(view, rng)


def caption(view: View, index: int, phrase: Phrase) -> str:
    """A phrase as RefCOCOg has them, a longer one with what else is in the picture."""
    others = [thing for thing in view.things if thing.index != index]
    return f"{phrase.text} in a picture with {a(others[0].kind)}" if others else phrase.text


def answered(view: View, fact: Fact) -> frozenset[int] | None:
    """The things that answer a question of use, none of them too small to be asked for; None if there are none or one
    is."""
    return solve(view, Kind(fact.kinds)) or None


def uses(view: View, rng: Random) -> list[tuple[Fact, frozenset[int]]]:
    """Questions of use that the picture answers, in random order."""
    order = rng.sample(FACTS, len(FACTS))
    return [(fact, meant) for fact in order if (meant := answered(view, fact))]


def lacking(view: View, rng: Random) -> Fact | None:
    """A question of use that nothing in the picture answers."""
    order = rng.sample(FACTS, len(FACTS))
    return next((fact for fact in order if not fact.kinds & view.kinds.keys()), None)
