"""By coming first in an order: "the biggest cup", "the leftmost red thing"."""

from random import Random

from data.templates.phrases import ORDER_WORDS
from data.world.absent import absent_colour, absent_kind
from data.world.descriptions import ORDERS, Anything, Colour, Description, Most, Order, kind
from data.world.questions import ABSENT, Form, Part, Proposal, one
from data.world.solver import solve
from data.world.view import View
from data.world.wording import either, the

WHOLE = 0.1
"""Share asked of all things together, which are never absent."""


def by_superlative(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """The order comes first, then a group of things in which one leads."""
    among: list[tuple[str, Description]] = [(name, kind(name)) for name, count in view.kinds.items() if count > 1]
    other = absent_kind(view, rng)
    absent: tuple[str, Description] | None = (other, kind(other)) if other else None
    if rng.random() < 0.3:
        among = [(f"{name} thing", Colour(name)) for name, count in view.colours.items() if count > 1]
        other = absent_colour(view, rng)
        absent = (f"{other} thing", Colour(other)) if other else None
    whole = rng.random() < WHOLE
    if whole:
        among, absent = [("thing", Anything())], ("thing", Anything())
    for order in rng.sample(ORDERS, len(ORDERS)):
        leading = [(bare, group, found) for bare, group in among if (found := solve(view, Most(order, group)))]
        if leading and absent:
            bare, group, found = rng.choice(leading)
            if not whole and rng.random() < ABSENT:
                (bare, group), found = absent, frozenset()
            return (_asked(view, rng, order, bare, group, found, whole),)
    return None


def _asked(
    view: View, rng: Random, order: Order, bare: str, group: Description, found: frozenset[int], whole: bool
) -> Proposal:
    word = rng.choice(ORDER_WORDS[order])
    part = one(Most(order, group), next(iter(found), None), f"the {bare}")
    if whole:
        part = Part(part.description, part.meant, part.phrase, each=True)
    question = either(view, rng, the(f"{word} {bare}"), "superlative", bare=bare, most=word)
    reason = view.what(next(iter(found), None), colour=False) if isinstance(group, Colour) else ""
    return Proposal("superlative", question, (part,), reason=reason)


GROUP = (Form("superlative", 0.07, 'the first in an order: "the biggest cup"', by_superlative),)
