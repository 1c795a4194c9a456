"""By family: "all the fruit", "the animal"."""

from collections import Counter
from dataclasses import dataclass
from random import Random

from data.world.balance import Test, choose
from data.world.descriptions import Kind
from data.world.questions import ABSENT, Form, Part, Proposal
from data.world.view import View
from data.world.wording import Phrase, all_of_family, point


@dataclass(frozen=True)
class Family:
    """A word for some kinds.

    Attributes:
        name: as :mod:`data.world.things` calls it.
        single: one of them, with its article.
        together: all of them, with the article.
        many: whether ``together`` is in the plural.
        kinds: what is surely meant.
        perhaps: what some would count and others not; a scene that has one is not asked.
    """

    name: str
    single: str
    together: str
    many: bool
    kinds: frozenset[str]
    perhaps: frozenset[str] = frozenset()

    @property
    def meaning(self) -> Kind:
        return Kind(self.kinds, self.perhaps)


def _family(name: str, single: str, together: str, many: bool, kinds: str, perhaps: str = "") -> Family:
    return Family(name, single, together, many, frozenset(kinds.split()), frozenset(perhaps.split()))


FAMILIES = (
    _family("fruit", "the fruit", "the fruit", False, "apple banana pear strawberry pineapple"),
    _family("tool", "the tool", "the tools", True, "hammer saw screwdriver wrench axe", "knife key umbrella spoon"),
    _family("vehicle", "the vehicle", "the vehicles", True, "car bus bicycle boat plane"),
    _family("animal", "the animal", "the animals", True, "cat fish bird rabbit turtle"),
    _family("furniture", "the piece of furniture", "the furniture", False, "chair table bed sofa", "lamp clock"),
    _family("clothing", "the piece of clothing", "the clothing", False, "hat shirt sock glove boot"),
    _family("kitchen", "the piece of kitchenware", "the kitchenware", False, "cup pot spoon knife bottle"),
    _family("nature", "the plant", "the plants", True, "tree flower cactus", "mushroom leaf"),
    _family("toy", "the toy", "the toys", True, "ball kite balloon", "car boat plane bus"),
)
"""The families that have a plain word; "household" has none that leaves the others out."""


def _number(family: Family, least: int, most: int) -> Test:
    """Whether a scene has between ``least`` and ``most`` of the family, and nothing doubtful."""

    def test(kinds: Counter[str]) -> bool:
        if any(kinds[kind] for kind in family.perhaps):
            return False
        return least <= sum(kinds[kind] for kind in family.kinds) <= most

    return test


TESTS: dict[str, tuple[Test, ...]] = {
    "none": tuple(_number(family, 0, 0) for family in FAMILIES),
    "one": tuple(_number(family, 1, 1) for family in FAMILIES),
    "some": tuple(_number(family, 2, 8) for family in FAMILIES),
}


def by_family(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """All of a family, or the only one of it; every family equally often present and absent."""
    absent, together = rng.random() < ABSENT, rng.random() < 0.65
    states = (TESTS["some" if together else "one"], TESTS["none"])
    cell = choose(rng, states, view.split == "test_crowd", view.kinds, absent)
    if cell is None:
        return None
    family = FAMILIES[cell]
    meant = frozenset(thing.index for thing in view.things if thing.kind in family.kinds)
    if together:
        phrase, part = all_of_family(rng, family.name), Part(family.meaning, meant, family.together, True, family.many)
    else:
        phrase, part = Phrase(family.single), Part(family.meaning, meant, family.single)
    reason = "" if together else view.what(next(iter(meant), None))
    return (Proposal("family", point(view, rng, phrase), (part,), reason=reason),)


GROUP = (Form("family", 0.06, 'by family: "all the fruit", "the animal"', by_family),)
