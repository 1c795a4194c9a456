"""The facts are well formed, ask without giving the answer away, and touch every kind."""

import itertools
import re
from collections import Counter

import pytest

from data.world.palette import COLOURS
from data.world.things import KINDS
from data.world.uses import FACTS, Fact

PLURALS = {"knife": "knives", "leaf": "leaves", "fish": "fishes", "cactus": "cacti"}

_SMALL = """
a all am an and any are as at away be by can could did do does every everything find for from go goes has have he her
him his how i in into is it its me my need of off on or out over should show so some something that the them they
thing this to under up use used want was we what when where which will with would you your
"""
SMALL_WORDS = frozenset(_SMALL.split())
"""Words that do not tell one need from another."""


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower().replace("'s", ""))


def stem(word: str) -> str:
    """A crude stem: enough to bring "rains" to "rain" and "flies" near "fly"."""
    for ending in ("ing", "ies", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def content(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text) if word not in SMALL_WORDS)


def plurals(noun: str) -> set[str]:
    regular = noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
    berries = noun[:-1] + "ies"
    return {PLURALS.get(noun, regular), berries} if noun.endswith("y") else {PLURALS.get(noun, regular)}


def asked(fact: Fact) -> tuple[str, ...]:
    return fact.wordings + fact.held_out


def test_there_are_enough_facts_with_names_of_their_own() -> None:
    names = [fact.name for fact in FACTS]
    assert len(names) == len(set(names)) >= 130
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_kind_answers_several_facts() -> None:
    counts = Counter(kind for fact in FACTS for kind in fact.kinds)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 3


def test_no_two_facts_share_a_wording() -> None:
    texts = [" ".join(words(text)) for fact in FACTS for text in asked(fact)]
    assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_near_wordings_have_the_same_answers() -> None:
    """Two texts with the same telling words must not have different answers."""
    by_content: dict[frozenset[str], set[frozenset[str]]] = {}
    for fact in FACTS:
        for text in asked(fact):
            by_content.setdefault(content(text), set()).add(fact.kinds)
    assert {key: kinds for key, kinds in by_content.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_a_fact_is_well_formed(fact: Fact) -> None:
    assert fact.kinds == set(fact.reason) and fact.kinds <= set(KINDS)
    assert len(fact.wordings) >= 5 and len(fact.held_out) >= 2
    for text in asked(fact):
        assert text == text.strip() and "  " not in text
        assert text[-1] in ".?" if text[0].isupper() else text[-1].isalpha()
    assert fact.lack[0].isupper() and fact.lack[-1].isalpha()


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_reasons_are_short_clauses(fact: Fact) -> None:
    for reason in fact.reason.values():
        verb = reason.split()[0]
        assert verb.endswith("s") and verb.islower()
        assert 2 <= len(reason.split()) <= 9
        assert reason[-1].isalpha()


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_wordings_give_nothing_away(fact: Fact) -> None:
    """They name no kind and no colour, and do not suppose that the answer is in the picture or that it is not."""
    forbidden = set(KINDS) | set(COLOURS) | {"there", "missing", "absent", "present", "picture", "image"}
    forbidden.update(*(plurals(kind) for kind in KINDS))
    for text in asked(fact):
        told = forbidden.intersection(words(text))
        assert not told, text


def test_held_out_wordings_use_words_met_in_training() -> None:
    """A paraphrase is fair when nearly all its telling words occur in some wording trained on."""
    met = frozenset().union(*(content(text) for fact in FACTS for text in fact.wordings))
    told = [word for fact in FACTS for text in fact.held_out for word in content(text)]
    assert sum(word in met for word in told) >= 0.97 * len(told)
    for text in itertools.chain.from_iterable(fact.held_out for fact in FACTS):
        new = content(text) - met
        assert len(new) <= 1, (text, sorted(new))
