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


def by_names(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """Two to four things, all by kind or all by colour and kind. Either way no two share a kind or a colour name."""
    count = rng.choice((2, 2, 2, 3, 3, 4))
    coloured = rng.random() < 0.4
    order = rng.sample(view.things, len(view.things))
    used: set[str] = set()
    parts: list[Part] = []
    for thing in order:
        single = view.pairs[thing.colour, thing.kind] == 1 if coloured else view.kinds[thing.kind] == 1
        if not single or len(parts) == count or thing.kind in used or (coloured and thing.colour in used):
            continue
        part, words = _part(view, rng, (thing.colour, thing.kind), thing.index, coloured, used)
        if part is None or words & used:
            continue
        used |= words
        parts.append(part)
    if len(parts) != count:
        return None
    phrases = [part.phrase for part in parts]
    if count == 2 and rng.random() < SPECIAL:
        question = put(view.split, rng, "several", first=phrases[0], second=phrases[1])
    else:
        question = point(view.split, rng, Phrase(listed(phrases), plural=True))
    return (Proposal("several", question, tuple(parts)),)


def _part(
    view: View, rng: Random, like: tuple[str, str], index: int, coloured: bool, used: set[str]
) -> tuple[Part | None, set[str]]:
    """The thing itself or an absent one in its place, and the words it uses up."""
    absent = rng.random() < ABSENT_EACH
    if not coloured:
        name = absent_kind(view, rng, frozenset(used)) if absent else like[1]
        return (one(kind(name), None if absent else index, f"the {name}"), {name}) if name else (None, set())
    chosen = absent_pair(view, rng, like) if absent else like
    if chosen is None:
        return None, set()
    return one(pair(*chosen), None if absent else index, f"the {chosen[0]} {chosen[1]}"), set(chosen)


GROUP = (Form("several", 0.14, 'several by name, present or not: "the key and the candle"', by_names),)
