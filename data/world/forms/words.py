"""Plain questions, answered in words without a mask."""

from random import Random

from data.templates.phrases import DIRECTION_WORDS, FOLLOW_DIRECTION_WORDS
from data.world.absent import absent_colour, absent_kind, absent_pair
from data.world.descriptions import DIRECTIONS, OPPOSITE, Beside
from data.world.forms.relation import anchors
from data.world.nouns import NUMBERS, a, plural
from data.world.palette import COLOURS
from data.world.questions import Form, Proposal
from data.world.solver import LEAST_AREA, judge
from data.world.splits import HELD_OUT
from data.world.view import View
from data.world.wording import put


def by_count(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "How many cups are there?" """
    bare: str | None
    if rng.random() < 0.7:
        name = absent_kind(view, rng) if rng.random() < 0.2 else _by_number(rng, view.kinds)
        bare, count = name, view.kinds[name] if name else 0
    else:
        colour = absent_colour(view, rng) if rng.random() < 0.2 else _by_number(rng, view.colours)
        bare, count = f"{colour} thing" if colour else None, view.colours[colour] if colour else 0
    if bare is None or any(thing.area < LEAST_AREA for thing in view.things):
        return None
    words = f"There is one {bare}." if count == 1 else f"There are {NUMBERS[count]} {plural(bare)}."
    return (Proposal("count", put(view, rng, "count", bare=bare), words=words),)


def _by_number(rng: Random, counts: dict[str, int]) -> str:
    """A name, each number that occurs equally often, so that "one" is not always right."""
    number = rng.choice(sorted(set(counts.values())))
    return rng.choice([name for name, count in counts.items() if count == number])


def by_what(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "What colour is the lamp?", "What do you call the red thing?" """
    kinds = [thing for thing in view.things if view.kinds[thing.kind] == 1]
    hues = [thing for thing in view.things if view.colours[thing.colour] == 1]
    if rng.random() < 0.6:
        if not kinds:
            return None
        thing = rng.choice(kinds)
        question = put(view, rng, "what colour", kind=thing.kind)
        return (Proposal("what", question, words=f"The {thing.kind} is {thing.colour}."),)
    if not hues:
        return None
    thing = rng.choice(hues)
    question = put(view, rng, "what kind", colour=thing.colour)
    return (Proposal("what", question, words=f"The {thing.colour} thing is {a(thing.kind)}."),)


def by_yes(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """ "Is there a cup?", "Is the cup red?", "Is the cup left of the lamp?" As often yes as no."""
    return rng.choice((_is_there, _is_there, _is_it, _is_beside))(view, rng)


def _is_there(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    thing, yes = rng.choice(view.things), rng.random() < 0.5
    if rng.random() < 0.5:
        name = thing.kind if yes else absent_kind(view, rng)
    else:
        like = (thing.colour, thing.kind)
        chosen = like if yes else absent_pair(view, rng, like)
        name = f"{chosen[0]} {chosen[1]}" if chosen else None
    if name is None:
        return None
    words = f"Yes, there is {a(name)}." if yes else f"No, there is no {name}."
    return (Proposal("yes or no", put(view, rng, "is there", bare=name), words=words),)


def _is_it(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    single = [thing for thing in view.things if view.kinds[thing.kind] == 1]
    if not single:
        return None
    thing, yes = rng.choice(single), rng.random() < 0.5
    held = (thing.colour, thing.kind) in HELD_OUT
    others = [c for c in COLOURS if c != thing.colour and (held or (c, thing.kind) not in HELD_OUT)]
    colour = thing.colour if yes else rng.choice(others)
    words = f"Yes, the {thing.kind} is {colour}." if yes else f"No, the {thing.kind} is {thing.colour}."
    return (Proposal("yes or no", put(view, rng, "is it", kind=thing.kind, colour=colour), words=words),)


def _is_beside(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    yes = rng.random() < 0.5
    for anchor, words, where in anchors(view, rng):
        for thing in view.things:
            if view.kinds[thing.kind] != 1 or thing.index == anchor.index or thing.kind == anchor.kind:
                continue
            for direction in DIRECTIONS:
                if not judge(view, Beside(direction, where), thing):
                    continue
                asked = direction if yes else OPPOSITE[direction]
                side = rng.choice(FOLLOW_DIRECTION_WORDS[asked])
                beside = f"{rng.choice(DIRECTION_WORDS[asked])} the {words}"
                fields = {"kind": thing.kind, "anchor": words, "side": side, "beside": beside}
                there = f"the {thing.kind} is {FOLLOW_DIRECTION_WORDS[direction][0]} the {words}"
                return (
                    Proposal(
                        "yes or no",
                        put(view, rng, "is it beside", **fields),
                        words=f"{'Yes' if yes else 'No'}, {there}.",
                    ),
                )
    return None


GROUP = (
    Form("count", 0.03, 'in words: "how many cups are there?"', by_count),
    Form("what", 0.02, 'in words: "what colour is the lamp?"', by_what),
    Form("yes or no", 0.03, 'in words: "is there a cup?"', by_yes),
)
