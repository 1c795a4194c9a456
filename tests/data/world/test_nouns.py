"""Small English."""

from data.world.nouns import a, listed, plural
from data.world.things import KINDS


def test_plurals_of_the_hard_ones() -> None:
    hard = {"bus": "buses", "knife": "knives", "leaf": "leaves", "fish": "fish", "strawberry": "strawberries"}
    assert {noun: plural(noun) for noun in hard} == hard
    assert plural("red axe") == "red axes" and plural("wrench") == "wrenches"


def test_no_kind_needs_a_rule_that_is_not_there() -> None:
    for kind in KINDS:
        if kind.endswith(("s", "sh", "ch", "x", "y", "f", "fe")) and not kind.endswith(("ey", "oy")):
            assert plural(kind) != kind + "s", kind


def test_articles_and_lists() -> None:
    assert (a("axe"), a("umbrella"), a("cup"), a("orange cup")) == ("an axe", "an umbrella", "a cup", "an orange cup")
    assert [listed(["x"]), listed(["x", "y"]), listed(["x", "y", "z"])] == ["x", "x and y", "x, y and z"]
