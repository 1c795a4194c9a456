"""From what a dataset asks to a question and its answer, in words chosen by seed or in one fixed set.

The wordings are in :mod:`data.templates.asking`. They are drawn before the targets are looked at, so questions for what
is absent come in the same words as those for what is there.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from data.datasets.base import IT, Query
from data.sample import REJ, SEG, Target, Turn
from data.templates import asking as tables
from data.templates.asking import PLAIN, Plain

PLACE = "{seg}"
EXPLAINED = {True: 0.05, False: 0.3}
"""Share of the phrases (True) and of the whole questions (False) that are asked for a reason, whether the dataset has
one or not and whatever the answer is: the wish must tell neither."""
SMALL_START, NO_END = 0.12, 0.15
JOINABLE = ("phrase", "premise", "class", "part")
_ARTICLES = ("the", "a", "an", "his", "her", "its", "their", "my", "your", "this", "that", "these", "those", "all")


def ask(query: Query, rng: Random | None = None, style: str = "pinpoint") -> tuple[Turn, ...]:
    """A query as a conversation: what was said before it, in words alone, and its own turn, which is the last.

    Args:
        query: of a dataset.
        rng: what the wording is drawn by; None for the fixed wording of ``style``.
        style: whose fixed wording, a key of :data:`data.templates.asking.PLAIN`.

    Raises:
        ValueError: the query has neither targets nor an answer, or its answer has another number of places.
    """
    earlier = tuple(Turn(_safe(q), _safe(a).replace(PLACE, "").strip(), (), "talk") for q, a in query.earlier)
    return (*earlier, ask_alone(query, rng, style))


def ask_alone(query: Query, rng: Random | None = None, style: str = "pinpoint") -> Turn:
    """The query's own turn, without what was said before it; arguments and errors as for :func:`ask`."""
    plain = PLAIN[style] if rng is None else None
    places = 0 if query.answer is None else query.answer.count(PLACE)
    if places and places != len(query.targets):
        raise ValueError(f"{query.id}: its answer has {places} places for {len(query.targets)} targets")
    phrase = query.kind in JOINABLE and not _whole(query)
    if phrase:
        question = _phrased(query, rng, plain)
    elif query.kind == "talk":
        question = _safe(query.text)
    else:
        wording = plain.sentence if plain else _drawn(rng, tables.SENTENCES)
        question = wording.format(text=_closed(_safe(query.text)) if wording != "{text}" else _safe(query.text))
    if not query.targets or places:
        if not query.answer:
            raise ValueError(f"{query.id}: has neither targets nor an answer in words")
        return Turn(question, _filled(query.answer, query.targets), query.targets, query.kind)
    wish = ""
    if rng is not None and query.kind != "talk" and rng.random() < EXPLAINED[phrase]:
        wish = rng.choice(tables.EXPLAIN)
        question = _closed(question) + wish
    answer, targets, absent = _answer(query, rng, plain)
    if rng is not None and wish:
        spare = tables.NO_REASON if absent else tables.FITS
        answer += f" {_safe(query.answer)}" if query.answer else rng.choice(spare)
    return Turn(question, answer, targets, query.kind)


def ask_together(queries: Sequence[Query], rng: Random | None = None, style: str = "pinpoint") -> Turn:
    """Several phrases of one picture in one question, and each with its marks in the answer.

    Args:
        queries: phrases, premises, classes or parts, without an answer of their own.
        rng, style: as for :func:`ask`.

    Raises:
        ValueError: a query cannot be joined to others.
    """
    for query in queries:
        if not joinable(query):
            raise ValueError(f"{query.id}: a {query.kind} cannot be asked together with others")
    plain = PLAIN[style] if rng is None else None
    wording = plain.several if plain else _drawn(rng, tables.SEVERAL)
    lead, item = ("", plain.item) if plain else (_drawn(rng, tables.LEADS), _drawn(rng, tables.ITEMS))
    names = [_inside(query.text, plain) for query in queries]
    question = wording.format(phrases=", ".join(names))
    named = [_named(target, query, plain) for query in queries for target in query.targets]
    marked = ", ".join(item.format(name=target.phrase, mark=_mark(target)) for target in named)
    if plain:
        return Turn(question, plain.listed.format(marked=marked), tuple(named), "several")
    return Turn(_typed(rng, question), _upper(f"{lead}{marked}."), tuple(named), "several")


def joinable(query: Query) -> bool:
    """Whether it can be asked in one question with others: a phrase, with targets, that nothing was said before."""
    plain = query.kind in JOINABLE and bool(query.targets) and query.answer is None and not _whole(query)
    return plain and not query.earlier


def threads(queries: Sequence[Query]) -> list[list[Query]]:
    """Queries that go on from one another in one conversation, together and in order; the others alone."""
    made: list[list[Query]] = []
    ends: dict[tuple[tuple[str, ...], ...], list[Query]] = {}
    for query in sorted(queries, key=lambda one: len(one.earlier)):
        before = tuple(_words(said) for pair in query.earlier for said in pair)
        thread = ends.pop(before, None) if before else None
        if thread is None:
            made.append(thread := [])
        thread.append(query)
        if query.answer is not None:
            ends[(*before, _words(query.text), _words(query.answer))] = thread
    order = {query.id: number for number, query in enumerate(queries)}
    return sorted(made, key=lambda thread: order[thread[0].id])


def _words(said: str) -> tuple[str, ...]:
    """What is the same with places and without: "the cup {seg} and {seg}." is "the cup."."""
    return tuple(word for word in re.findall(r"\w+", said.replace(PLACE, " ")) if word != "and")


def ask_thread(thread: Sequence[Query], rng: Random | None = None, style: str = "pinpoint") -> tuple[Turn, ...]:
    """A conversation of :func:`threads`, each of its queries with its own marks."""
    first, *others = thread
    return (*ask(first, rng, style), *(ask_alone(query, rng, style) for query in others))


def _whole(query: Query) -> bool:
    """Whether its text is a whole question, whatever its kind: a false premise may be one."""
    return bool(query.targets) and all(target.phrase == IT for target in query.targets)


def _phrased(query: Query, rng: Random | None, plain: Plain | None) -> str:
    phrase = _inside(query.text, plain)
    if plain:
        return plain.phrase.format(phrase=phrase)
    wording = _drawn(rng, tables.QUESTIONS[query.kind])
    if (
        query.kind == "part" and query.targets and rng is not None and rng.random() < 0.5
    ):  # "ear of the dog" for "dog ear"
        phrase = _inside(query.targets[0].phrase or query.text, None)
    begins = phrase.split(" ", 1)[0].lower() in _ARTICLES
    return _typed(rng, wording.format(phrase=phrase, the=phrase if begins else f"the {phrase}"))


def _answer(query: Query, rng: Random | None, plain: Plain | None) -> tuple[str, tuple[Target, ...], bool]:
    """The answer in words of the tables, its targets as it names them, and whether nothing asked for is there."""
    unnamed = _whole(query) or (query.kind not in JOINABLE and {t.phrase for t in query.targets} <= {"", query.text})
    absent = all(target.absent for target in query.targets)
    marks = ", ".join(_mark(target) for target in query.targets)
    if unnamed:
        wording = plain.unnamed if plain else _drawn(rng, tables.UNNAMED)
        return wording.format(mark=marks) + ".", query.targets, absent
    named = tuple(_named(target, query, plain) for target in query.targets)
    lead, item = ("", plain.one) if plain else (_drawn(rng, tables.LEADS), _drawn(rng, tables.ITEMS))
    if "{name}" in item:
        marks = ", ".join(item.format(name=target.phrase, mark=_mark(target)) for target in named)
    else:
        marks = item.format(mark=marks)
    ending = _ending(query, rng, plain, " is {mark}" in item) if absent and len(named) == 1 else "."
    return _upper(f"{lead}{marks}{ending}"), named, absent


def _ending(query: Query, rng: Random | None, plain: Plain | None, whole: bool) -> str:
    """What follows the one ``<REJ>``; after a ``whole`` sentence only what begins with a stop."""
    if query.correction:
        wording = plain.corrected if plain else _drawn(rng, _after(tables.CORRECTED, whole))
        return wording.format(correction=_inside(query.correction, None))
    return plain.absent if plain else _drawn(rng, _after(tables.ABSENT, whole))


def _after(endings: Sequence[str], whole: bool) -> Sequence[str]:
    return [ending for ending in endings if not ending.startswith(" ")] if whole else endings


def _named(target: Target, query: Query, plain: Plain | None) -> Target:
    """The target as the answer names it: as it is called, else by the words of the question."""
    return replace(target, phrase=_inside(target.phrase or query.text, plain))


def _filled(answer: str, targets: Sequence[Target]) -> str:
    """A dataset's answer with the marks in its places."""
    head, *rest = _safe(answer).split(PLACE)
    return head + "".join(_mark(target) + words for target, words in zip(targets, rest, strict=bool(rest)))


def _mark(target: Target) -> str:
    return REJ if target.absent else SEG


def _safe(text: str) -> str:
    """A file's text, in which a mark that it spells stays text."""
    for mark in (SEG, REJ):
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _inside(text: str, plain: Plain | None) -> str:
    """A phrase as it stands inside a sentence: no full stop, and no capital that only begins a sentence."""
    phrase = _safe(text).strip().rstrip(".,;: ") or text
    if plain is not None and plain.lower:
        return phrase.lower()
    first = phrase.split(" ", 1)[0]
    begins = first == "A" or (len(first) > 1 and first[1:].islower())
    return phrase[:1].lower() + phrase[1:] if begins else phrase


def _closed(text: str) -> str:
    """A text that something may follow."""
    return text if text.endswith((".", "?", "!", ":")) else f"{text}."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _typed(rng: Random | None, text: str) -> str:
    """As people type: now and then without a capital or a full stop."""
    assert rng is not None
    small, open_end = rng.random() < SMALL_START, rng.random() < NO_END
    text = text.rstrip("?.") if open_end else text
    return text if small else _upper(text)


def _drawn(rng: Random | None, wordings: Sequence[str]) -> str:
    assert rng is not None
    return rng.choice(wordings)
