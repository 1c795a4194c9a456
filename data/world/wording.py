"""Fills the wording store in, as people type: now and then without a capital or a full stop."""

from dataclasses import dataclass
from random import Random

from data.templates import POINT, QUESTIONS
from data.templates.phrases import FAMILY_WORDS
from data.templates.wordings import Wordings
from data.world import loose
from data.world.nouns import a, plural, upper
from data.world.view import View

SMALL_START, NO_END = 0.12, 0.15
SPECIAL = 0.4
"""Share of questions put in words of their own form rather than those that fit any form."""
REQUEST = 0.8
"""Share of the loose questions for a phrase that take no wording of the store at all."""


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


def table(view: View, wordings: Wordings) -> tuple[str, ...]:
    """The wordings that a picture's questions use."""
    return wordings.held_out if view.split == "test_phrasing" else wordings.trained


def point(view: View, rng: Random, phrase: Phrase) -> str:
    """A question for what the phrase says, in words that fit any form."""
    if view.loose and rng.random() < REQUEST:
        return loose.request(rng, phrase.text, phrase.plural)
    wording = rng.choice(table(view, POINT))
    return typed(view, rng, wording.format(np=phrase.text, are="are" if phrase.plural else "is"))


def put(view: View, rng: Random, name: str, **fields: str) -> str:
    """A question in words of its own form. ``{a}`` and ``{many}`` follow from ``bare``."""
    if "bare" in fields:
        fields = {"a": a(fields["bare"]), "many": plural(fields["bare"]), **fields}
    wordings = QUESTIONS[name]
    wording = rng.choice(table(view, wordings))
    if view.loose and not wordings.firm:
        wording = loose.loosen(rng, wording)
    return typed(view, rng, wording.format(**fields))


def either(view: View, rng: Random, phrase: Phrase, name: str, **fields: str) -> str:
    """A question in words that fit any form, or in words of its own."""
    if rng.random() < SPECIAL:
        return put(view, rng, name, **fields)
    return point(view, rng, phrase)


def typed(view: View, rng: Random, text: str) -> str:
    """As a person types it. The same for every kind of question and answer, so it tells nothing."""
    if view.loose:
        return loose.around(rng, text)
    small, open_end = rng.random() < SMALL_START, rng.random() < NO_END
    if open_end:
        text = text.rstrip("?.")
    return text if small and not text.startswith("I ") else upper(text)
