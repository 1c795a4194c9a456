"""Several things by name in one question: "the key and the candle"; some of them may be absent."""

from random import Random

from data.world.absent import absent_kind, absent_pair
from data.world.descriptions import kind, pair
from data.world.nouns import listed
from data.world.questions import Form, Part, Proposal, one
from data.world.view import View
from data.world.wording import SPECIAL, Phrase, point, put

ABSENT_EACH = 0.25
"""Share of the named things that are absent, drawn for each on its own."""


ROLL, ROLL_ABSENT = 8, 0.5
"""Most names of a roll call, and the share of them that is absent."""


def by_names(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """Two to four things, all by kind or all by colour and kind. Either way no two share a kind or a colour name."""
    count = rng.choice((2, 2, 2, 3, 3, 4))
    parts = _parts(view, rng, count, rng.random() < 0.4, ABSENT_EACH)
    if len(parts) != count:
        return None
    phrases = [part.phrase for part in parts]
    if count == 2 and rng.random() < SPECIAL:
        question = put(view, rng, "several", first=phrases[0], second=phrases[1])
    else:
        question = point(view, rng, Phrase(listed(phrases), plural=True))
    return (Proposal("several", question, tuple(parts)),)


def by_roll_call(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """Three names or more, half of them absent: nobody asks so, but nothing teaches sooner what is not there."""
    parts = _parts(view, rng, ROLL, rng.random() < 0.5, ROLL_ABSENT)
    if len(parts) < 3:
        return None
    question = point(view, rng, Phrase(listed([part.phrase for part in parts]), plural=True))
    return (Proposal("roll call", question, tuple(parts)),)


def _parts(view: View, rng: Random, most: int, coloured: bool, absent: float) -> list[Part]:
    """Up to ``most`` things, each present or an absent one in its place."""
    order = rng.sample(view.things, len(view.things))
    used: set[str] = set()
    parts: list[Part] = []
    for thing in order:
        single = view.pairs[thing.colour, thing.kind] == 1 if coloured else view.kinds[thing.kind] == 1
        if not single or len(parts) == most or thing.kind in used or (coloured and thing.colour in used):
            continue
        like = (thing.colour, thing.kind)
        part, words = _part(view, rng, like, thing.index, coloured, used, rng.random() < absent)
        if part is None or words & used:
            continue
        used |= words
        parts.append(part)
    return parts


def _part(
    view: View, rng: Random, like: tuple[str, str], index: int, coloured: bool, used: set[str], absent: bool
) -> tuple[Part | None, set[str]]:
    """The thing itself or an absent one in its place, and the words it uses up."""
    if not coloured:
        name = absent_kind(view, rng, frozenset(used)) if absent else like[1]
        return (one(kind(name), None if absent else index, f"the {name}"), {name}) if name else (None, set())
    chosen = absent_pair(view, rng, like) if absent else like
    if chosen is None:
        return None, set()
    return one(pair(*chosen), None if absent else index, f"the {chosen[0]} {chosen[1]}"), set(chosen)


GROUP = (
    Form("several", 0.14, 'several by name, present or not: "the key and the candle"', by_names),
    Form("roll call", 0.0, "many by name, half of them absent; for training alone", by_roll_call),
)
