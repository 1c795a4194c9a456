"""Several things under one description: "all the cups", "everything red", "the two cups"."""

from random import Random

from data.world.absent import absent_colour, absent_kind, absent_pair
from data.world.descriptions import Colour, Count, Description, kind, pair
from data.world.nouns import NUMBERS, plural
from data.world.questions import ABSENT, Form, Part, Proposal
from data.world.view import View
from data.world.wording import Phrase, all_of, point

Group = tuple[str, Description, frozenset[int]]
MOST = 6
"""Most things that one set may have."""


def _groups(view: View, rng: Random) -> tuple[list[Group], Group | None]:
    """Groups of at least two things, by kind, by colour, or by both; and one that could stand for them but is empty."""
    draw = rng.random()
    found: list[tuple[str, Description]]
    empty: tuple[str, Description] | None
    if draw < 0.5:
        found = [(name, kind(name)) for name, count in view.kinds.items() if 1 < count <= MOST]
        other = absent_kind(view, rng)
        empty = (other, kind(other)) if other else None
    elif draw < 0.9:
        found = [(f"{name} thing", Colour(name)) for name, count in view.colours.items() if 1 < count <= MOST]
        other = absent_colour(view, rng)
        empty = (f"{other} thing", Colour(other)) if other else None
    else:
        pairs = [key for key, count in view.pairs.items() if 1 < count <= MOST]
        found = [(f"{colour} {name}", pair(colour, name)) for colour, name in pairs]
        like = rng.choice(pairs) if pairs else None
        instead = absent_pair(view, rng, like) if like else None
        empty = (f"{instead[0]} {instead[1]}", pair(*instead)) if instead else None
    groups = [(bare, meaning, _members(view, bare)) for bare, meaning in found]
    return groups, (*empty, frozenset()) if empty else None


def _members(view: View, bare: str) -> frozenset[int]:
    """The things called so: "cup", "red thing", "red cup"."""
    words = set(bare.split()) - {"thing"}
    return frozenset(thing.index for thing in view.things if words <= {thing.kind, thing.colour})


def by_all(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "Show me all the cups." """
    groups, empty = _groups(view, rng)
    if not groups or empty is None:
        return None
    bare, meaning, meant = empty if rng.random() < ABSENT else rng.choice(groups)
    colour = bare.removesuffix(" thing") if bare.endswith(" thing") else None
    phrase = all_of(rng, bare)
    if colour and rng.random() < 0.5:
        phrase = Phrase(rng.choice((f"everything {colour}", f"everything that is {colour}", f"all that is {colour}")))
    part = Part(meaning, meant, f"the {plural(bare)}", each=True, many=True)
    return (Proposal("all", point(view, rng, phrase), (part,)),)


def by_number(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "Show me the two cups." The number is that of a group that is there, in either case."""
    groups, empty = _groups(view, rng)
    if not groups or empty is None:
        return None
    bare, meaning, meant = rng.choice(groups)
    number = len(meant)
    if rng.random() < ABSENT:
        bare, meaning, meant = empty
    many = plural(bare)
    texts = [f"the {NUMBERS[number]} {many}", f"all {NUMBERS[number]} {many}", f"{NUMBERS[number]} {many}"]
    phrase = Phrase(rng.choice([*texts, f"both {many}", f"the pair of {many}"] if number == 2 else texts), plural=True)
    phrase = Phrase(phrase.text.replace("all two", "both"), plural=not phrase.text.startswith("the pair"))
    part = Part(Count(number, meaning), meant, f"the {many}", each=True, many=True)
    return (Proposal("number", point(view, rng, phrase), (part,)),)


GROUP = (
    Form("all", 0.06, 'every one of a kind or colour: "all the cups", "everything red"', by_all),
    Form("number", 0.04, 'so many of them: "the two cups"', by_number),
)
