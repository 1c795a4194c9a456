"""By place: "the cup on the left", "what is in the top left corner?"."""

from random import Random

from data.templates.phrases import WHERE_WORDS
from data.world.absent import absent_kind
from data.world.descriptions import CORNERS, SIDES, And, Place, Where, kind
from data.world.questions import ABSENT, Form, Proposal, one
from data.world.solver import solve
from data.world.view import View
from data.world.wording import either, put, the

GROUPS: tuple[tuple[Where, ...], ...] = (SIDES, SIDES, CORNERS, CORNERS, ("middle",))


def by_place(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """The place comes first, then whether a thing is there; the absent one's kind mostly lies elsewhere."""
    for where in rng.sample(wheres := rng.choice(GROUPS), len(wheres)):
        found = {name: solve(view, And((Place(where), kind(name)))) for name in view.kinds}
        present = [
            (name, index) for name, indices in found.items() if indices and len(indices) == 1 for index in indices
        ]
        rivals = [(name, index) for name, index in present if view.kinds[name] > 1]
        elsewhere = [name for name, indices in found.items() if indices == frozenset()]
        other = absent_kind(view, rng)
        if not present or not elsewhere or other is None:
            continue
        index: int | None
        name, index = rng.choice(rivals if rivals and rng.random() < 0.5 else present)
        if rng.random() < ABSENT:
            name, index = (rng.choice(elsewhere) if rng.random() < 0.75 else other), None
        words = rng.choice(WHERE_WORDS[where])
        question = either(view, rng, the(f"{name} {words}"), "place", bare=name, where=words)
        return (
            Proposal("place", question, (one(And((Place(where), kind(name))), index, f"the {name}"),), here="there"),
        )
    return None


def by_spot(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """What lies in a place. Asks only where one such place holds one thing and another none."""
    wheres = rng.choice((SIDES, CORNERS, CORNERS, CORNERS))
    found = {where: solve(view, Place(where)) for where in wheres}
    held = [where for where, indices in found.items() if indices and len(indices) == 1]
    empty = [where for where, indices in found.items() if indices == frozenset()]
    if not held or not empty:
        return None
    where = rng.choice(empty if rng.random() < ABSENT else held)
    index = next(iter(found[where] or ()), None)
    words = rng.choice(WHERE_WORDS[where])
    question = put(view, rng, "spot", where=words)
    part = one(Place(where), index, "the thing")
    return (Proposal("spot", question, (part,), reason=view.what(index), here="there"),)


GROUP = (
    Form("place", 0.07, 'by kind and place: "the cup on the left"', by_place),
    Form("spot", 0.06, 'by place alone: "what is in the top left corner?"', by_spot),
)
