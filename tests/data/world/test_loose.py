"""Requests in any words: what is asked for stays."""

import re
from dataclasses import replace
from random import Random

from data.templates import QUESTIONS, filling
from data.world import loose
from data.world.nouns import plural
from data.world.palette import COLOURS
from data.world.scene import SIZES
from data.world.things import KINDS
from data.world.uses import FACTS
from data.world.wording import put
from data.world.world import World


def words(texts: tuple[str, ...]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[a-z']+", re.sub(r"{\w+}", "", text.lower()))}


FILLING = words((*filling.OPENINGS, *filling.CALLS, *filling.ENDINGS, *filling.WORDS))


def test_filling_has_no_word_of_held_out_wordings_and_none_that_names_anything() -> None:
    trained = {word for store in QUESTIONS.values() for word in words(store.trained)}
    trained |= {word for fact in FACTS for word in words(fact.wordings)}
    held_out = {word for store in (*QUESTIONS.values(), *FACTS) for word in words(store.held_out)}
    assert not FILLING & (held_out - trained)
    assert not FILLING & {*KINDS, *map(plural, KINDS), *COLOURS, *SIZES, "not", "all", "and", "two"}
    assert "it" not in words((*filling.CALLS, *filling.ENDINGS, *filling.WORDS))  # these stand beside a real "it"


def bare(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def test_no_loose_question_is_a_held_out_wording_whatever_its_signs() -> None:
    world = World("train", 150, start=1000)
    asked = {bare(t.question) for i in range(150) for s in world.pack(i, 10, loose=1.0)[1] for t in s.turns}
    for wording in (wording for store in QUESTIONS.values() for wording in store.held_out):
        pattern = re.compile(".+".join(bare(part) for part in re.split(r"{\w+}", wording)).replace(".+ ", ".+"))
        assert not [question for question in asked if pattern.fullmatch(question)], wording
    assert not asked & {bare(wording) for fact in FACTS for wording in fact.held_out}


def test_a_request_keeps_what_it_asks_for() -> None:
    rng = Random(0)
    texts = [loose.request(rng, "the red cup left of the lamp", plural=False).lower() for _ in range(300)]
    assert all(re.search(r"\bred cup left of (\w+ )?lamp\b", text) for text in texts)
    assert len(set(texts)) > 250


def test_a_loosened_wording_keeps_its_fields_in_order() -> None:
    rng = Random(1)
    for name, store in QUESTIONS.items():
        for wording in store.trained:
            fields = re.findall(r"{\w+}", wording)
            assert re.findall(r"{\w+}", loose.loosen(rng, wording)) == fields, name
    text = "There is the {anchor}. Find the {bare} {side} it."
    assert all(loose.loosen(rng, text).count(" it") == 1 for _ in range(50))


def test_a_loose_question_keeps_every_word_that_counts() -> None:
    """Those of a firm table stay together; those of another do not."""
    view = replace(World("train", 1).view(0), loose=True)
    for name, store in QUESTIONS.items():
        kept = 0
        fields = {field: f"<{field}>" for wording in store.trained for field in re.findall(r"{(\w+)}", wording)}
        known = [bare(wording.format(**fields)) for wording in store.trained if store.firm or len(wording.split()) > 2]
        for seed in range(60):
            asked = bare(put(view, Random(seed), name, **fields))
            kept += any(wording in asked for wording in known)
        assert kept == 60 if store.firm else kept < 30, (name, kept)


def test_a_pack_is_loose_by_share_and_its_answers_are_as_strict_as_ever() -> None:
    world = World("train", 30)
    plain = [sample.turns for index in range(30) for sample in world.pack(index, 6)[1]]
    free = [sample.turns for index in range(30) for sample in world.pack(index, 6, loose=1.0)[1]]
    assert [sample.turns for index in range(30) for sample in world.pack(index, 6, loose=0.0)[1]] == plain

    def foreign(talks: list[tuple]) -> float:  # share with a word that the store does not know
        known = words(tuple(w for store in QUESTIONS.values() for w in store.trained))
        known |= words(tuple(turn.question for turns in plain for turn in turns))
        return sum(any(words((turn.question,)) - known for turn in turns) for turns in talks) / len(talks)

    assert foreign(plain) == 0 and foreign(free) > 0.3
    for turn in (turn for turns in free for turn in turns):
        named = [t.phrase.removeprefix("the ") for t in turn.targets]
        if turn.kind in ("kind", "colour"):
            assert set(named[0].split()) <= words((turn.question,)), (named, turn.question)
