"""Fills the wording store in, as people type: now and then without a capital or a full stop."""

from dataclasses import dataclass
from random import Random

from data.templates import FAMILY_WORDS, POINT, QUESTIONS, Wordings
from data.world.nouns import a, plural, upper

SMALL_START, NO_END = 0.12, 0.15
SPECIAL = 0.4
"""Share of questions put in words of their own form rather than those that fit any form."""


@dataclass(frozen=True)
class Phrase:
    """What is asked for, with its article: "the red cup", or in the plural "the red cups"."""

    text: str
    plural: bool = False


def the(bare: str) -> Phrase:
    """ "cup" -> "the cup"."""
    return Phrase(f"the {bare}")


def all_of(rng: Random, bare: str) -> Phrase:
    """ "cup" -> "all the cups", "every cup", ..."""
    many = plural(bare)
    texts = (f"all the {many}", f"all {many}", f"the {many}", f"every {bare}", f"each {bare}", f"every single {bare}")
    text = rng.choice(texts)
    return Phrase(text, plural=many in text and not text.startswith(("every", "each")))


def all_of_family(rng: Random, family: str) -> Phrase:
    """ "animal" -> "all the animals", "every animal", ..."""
    text = rng.choice(FAMILY_WORDS[family])
    many = text.startswith("all") and text not in ("all the fruit", "all the furniture", "all the clothing")
    return Phrase(text, plural=many and text != "all the kitchenware")


def table(split: str, wordings: Wordings) -> tuple[str, ...]:
    """The wordings that a split uses."""
    return wordings.held_out if split == "test_phrasing" else wordings.trained


def point(split: str, rng: Random, phrase: Phrase) -> str:
    """A question for what the phrase says, in words that fit any form."""
    wording = rng.choice(table(split, POINT))
    return typed(rng, wording.format(np=phrase.text, are="are" if phrase.plural else "is"))


def put(split: str, rng: Random, name: str, **fields: str) -> str:
    """A question in words of its own form. ``{a}`` and ``{many}`` follow from ``bare``."""
    if "bare" in fields:
        fields = {"a": a(fields["bare"]), "many": plural(fields["bare"]), **fields}
    return typed(rng, rng.choice(table(split, QUESTIONS[name])).format(**fields))


def either(split: str, rng: Random, phrase: Phrase, name: str, **fields: str) -> str:
    """A question in words that fit any form, or in words of its own."""
    if rng.random() < SPECIAL:
        return put(split, rng, name, **fields)
    return point(split, rng, phrase)


def typed(rng: Random, text: str) -> str:
    """As a person types it. The same for every kind of question and answer, so it tells nothing."""
    small, open_end = rng.random() < SMALL_START, rng.random() < NO_END
    if open_end:
        text = text.rstrip("?.")
    return text if small and not text.startswith("I ") else upper(text)
