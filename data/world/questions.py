"""From what a form proposes to a question and its answer, if the solver agrees.

A form (see :mod:`data.world.forms`) proposes a question with one or more parts; each part has a description and the
things that the form means by it. :func:`settle` asks the solver, which does not know what the form meant, and gives a
turn only when both agree exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from data.sample import REJ, SEG, Target, Turn
from data.world.descriptions import Description
from data.world.nouns import listed, upper
from data.world.solver import solve
from data.world.view import View

ABSENT = 0.27
"""Share of questions whose target is not in the picture, the same in every form that can have one."""


@dataclass(frozen=True)
class Part:
    """One thing, or one set of things, that a question asks for.

    Attributes:
        description: its meaning.
        meant: the things that the form means; empty when there is none.
        phrase: how the answer names it, with its article ("the red cup"). The same words whether it is there or not.
        each: name each of the things by its own colour and kind; ``phrase`` then serves only when there is none.
        many: the phrase is in the plural.
    """

    description: Description
    meant: frozenset[int]
    phrase: str
    each: bool = False
    many: bool = False


@dataclass(frozen=True)
class Proposal:
    """A question and what it means.

    Attributes:
        kind: the form's name.
        question: as typed.
        parts: what it asks for; empty for a question answered in words.
        reason: follows the mark of the one part when it is there ("keeps you dry").
        here: "here" for a thing that would have been named by what it is, "there" for one named by where it is.
        words: the answer to a question in words; else None.
    """

    kind: str
    question: str
    parts: tuple[Part, ...] = ()
    reason: str = ""
    here: str = "here"
    words: str | None = None


@dataclass(frozen=True)
class Form:
    """A kind of question.

    Attributes:
        name: short; reports use it.
        share: its weight in the evaluation mix.
        about: one line.
        propose: one conversation about a picture, turn by turn; None when this picture does not allow it.
    """

    name: str
    share: float
    about: str
    propose: Callable[[View, Random], tuple[Proposal, ...] | None]


def one(description: Description, index: int | None, phrase: str) -> Part:
    """A part that means one thing, or none."""
    return Part(description, frozenset() if index is None else frozenset({index}), phrase)


def settle(view: View, proposal: Proposal) -> Turn | None:
    """The question and its answer, or None when the solver finds anything but what the form means."""
    if proposal.words is not None:
        return Turn(proposal.question, proposal.words, (), proposal.kind)
    for part in proposal.parts:
        if solve(view, part.description) != part.meant:
            return None
    named = [(part, phrase, index) for part in proposal.parts for phrase, index in _names(view, part)]
    targets = tuple(Target(phrase, None if index is None else view.rle(index)) for _, phrase, index in named)
    marked = [f"{phrase} {REJ if index is None else SEG}" for _, phrase, index in named]
    missing = [(part, phrase) for part, phrase, index in named if index is None]
    answer = listed(marked) + _ending(proposal, len(named), missing, last=named[-1][2] is None)
    return Turn(proposal.question, upper(answer), targets, proposal.kind)


def _names(view: View, part: Part) -> list[tuple[str, int | None]]:
    if not part.meant:
        return [(part.phrase, None)]
    if part.each:
        return [(f"the {view.name(index)}", index) for index in view.ordered(part.meant)]
    return [(part.phrase, index) for index in view.ordered(part.meant)]


def _ending(proposal: Proposal, count: int, missing: list[tuple[Part, str]], last: bool) -> str:
    """What follows the last mark. ``last``: the last thing named is a missing one."""
    if not missing:
        return f" {proposal.reason}." if proposal.reason else "."
    verb = "are" if len(missing) > 1 or missing[0][0].many else "is"
    if len(missing) == count:
        return f" {verb} not {proposal.here}."
    if len(missing) == 1 and last:
        return f", which {verb} not {proposal.here}."
    return f". {upper(listed([phrase for _, phrase in missing]))} {verb} not {proposal.here}."
