"""Two turns: the second refers to the first ("and the one to its left?", "what about the red one?")."""

from random import Random

from data.templates.phrases import FOLLOW_DIRECTION_WORDS
from data.world.absent import absent_kind, absent_pair
from data.world.descriptions import DIRECTIONS, Beside, It, kind, pair
from data.world.forms.relation import anchors
from data.world.questions import ABSENT, Form, Proposal, one
from data.world.solver import solve
from data.world.view import View
from data.world.wording import either, put, the

KIND = "follow-up"


def by_direction(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """A thing, then what lies in a direction from it; only where one direction holds one thing and another none."""
    for anchor, words, where in anchors(view, rng):
        found = {direction: solve(view, Beside(direction, It(anchor.index))) for direction in DIRECTIONS}
        held = [direction for direction, indices in found.items() if indices and len(indices) == 1]
        empty = [direction for direction, indices in found.items() if indices == frozenset()]
        if held and empty:
            coloured = words != anchor.kind
            name = "colour" if coloured else "kind"
            fields = {"bare": anchor.kind, "kind": anchor.kind, "colour": anchor.colour}
            first = either(view, rng, the(words), name, **fields)
            direction = rng.choice(empty if rng.random() < ABSENT else held)
            index = next(iter(found[direction] or ()), None)
            second = put(view, rng, "follow relation", side=rng.choice(FOLLOW_DIRECTION_WORDS[direction]))
            part = one(Beside(direction, It(anchor.index)), index, "the thing")
            return (
                Proposal(name, first, (one(where, anchor.index, f"the {words}"),)),
                Proposal(KIND, second, (part,), reason=view.what(index), here="there"),
            )
    return None


def by_other_colour(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """A thing by colour and kind, then another colour of that kind; each present or not, on its own."""
    open_kinds = []
    for name in view.kinds:
        colours = [
            c for c in dict.fromkeys(t.colour for t in view.things if t.kind == name) if view.pairs[c, name] == 1
        ]
        if len(colours) > 1:
            open_kinds.append((name, colours))
    if not open_kinds:
        return None
    name, colours = rng.choice(open_kinds)
    asked: list[tuple[str, int | None]] = []
    for colour in rng.sample(colours, 2):
        index = next(t.index for t in view.things if t.kind == name and t.colour == colour)
        if rng.random() < ABSENT:
            other = absent_pair(view, rng, (colour, name), same="kind")
            if other is None:
                return None
            asked.append((other[0], None))
        else:
            asked.append((colour, index))
    (first, there), (second, also) = asked
    if first == second:
        return None
    question = either(view, rng, the(f"{first} {name}"), "colour", bare=name, kind=name, colour=first)
    follow = put(view, rng, "follow colour", colour=second)
    return (
        Proposal("colour", question, (one(pair(first, name), there, f"the {first} {name}"),)),
        Proposal(KIND, follow, (one(pair(second, name), also, f"the {second} {name}"),)),
    )


def by_other_kind(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """A thing by kind, then another; each present or not, on its own."""
    single = [thing for thing in view.things if view.kinds[thing.kind] == 1]
    if len(single) < 2:
        return None
    asked: list[tuple[str, int | None]] = []
    for thing in rng.sample(single, 2):
        name, index = thing.kind, thing.index
        if rng.random() < ABSENT:
            other = absent_kind(view, rng, frozenset(word for word, _ in asked))
            if other is None:
                return None
            asked.append((other, None))
        else:
            asked.append((name, index))
    (first, there), (second, also) = asked
    question = either(view, rng, the(first), "kind", bare=first)
    follow = put(view, rng, "follow kind", kind=second)
    return (
        Proposal("kind", question, (one(kind(first), there, f"the {first}"),)),
        Proposal(KIND, follow, (one(kind(second), also, f"the {second}"),)),
    )


def by_any(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """One of the three, drawn before looking."""
    return rng.choice((by_direction, by_direction, by_other_colour, by_other_kind))(view, rng)


GROUP = (Form(KIND, 0.06, 'a second turn: "and the one to its left?", "what about the red one?"', by_any),)
