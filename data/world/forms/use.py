"""By what it is good for: "It has started to rain. What should I take?"."""

from collections import Counter
from functools import partial
from random import Random

from data.world.balance import Test, choose
from data.world.descriptions import Kind
from data.world.nouns import lower
from data.world.questions import ABSENT, Form, Part, Proposal
from data.world.uses import FACTS, Fact
from data.world.view import View
from data.world.wording import Phrase, point, typed


def _answered(fact: Fact, times: int) -> Test:
    """Whether exactly so many things of a scene would do."""

    def test(kinds: Counter[str]) -> bool:
        return sum(kinds[kind] for kind in fact.kinds) == times

    return test


ONE = tuple(_answered(fact, 1) for fact in FACTS)
NONE = tuple(_answered(fact, 0) for fact in FACTS)


DOUBTFUL = 0.5
"""Share of absent things among doubtful uses."""
BY_LACK = 0.3
"""Share of the loose questions that name what is wanted as an answer would call it missing: "something to cut with"."""


def by_use(view: View, rng: Random, absence: float = ABSENT) -> tuple[Proposal, ...] | None:
    """A fact that exactly one thing answers, or none; every fact equally often in either case."""
    absent = rng.random() < absence
    cell = choose(rng, (ONE, NONE), view.split == "test_crowd", view.kinds, absent)
    if cell is None:
        return None
    fact = FACTS[cell]
    question = _asked(view, rng, fact)
    meaning = Kind(fact.kinds)
    if absent:
        return (Proposal("use", question, (Part(meaning, frozenset(), lower(fact.lack)),)),)
    (thing,) = (thing for thing in view.things if thing.kind in fact.kinds)
    part = Part(meaning, frozenset({thing.index}), f"the {thing.kind}")
    return (Proposal("use", question, (part,), reason=fact.reason[thing.kind]),)


def _asked(view: View, rng: Random, fact: Fact) -> str:
    if view.loose and rng.random() < BY_LACK:
        return point(view, rng, Phrase(lower(fact.lack)))
    return typed(view, rng, rng.choice(fact.held_out if view.split == "test_phrasing" else fact.wordings))


GROUP = (
    Form("use", 0.14, 'by what it is good for: "something against the rain"', by_use),
    Form("doubtful use", 0.0, "half of them absent; for training alone", partial(by_use, absence=DOUBTFUL)),
)
