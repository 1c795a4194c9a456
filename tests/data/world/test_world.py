"""The drawn world as a dataset."""

import re
from collections import Counter, defaultdict
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from data import masks
from data.sample import REJ, SEG, Turn
from data.templates import QUESTIONS
from data.world.forms import ALL, FORMS
from data.world.questions import settle
from data.world.scene import Scene
from data.world.splits import HELD_OUT
from data.world.uses import FACTS
from data.world.view import View
from data.world.world import World, converse

IN_WORDS = {"count", "what", "yes or no"}
MARK = re.compile(f"{SEG}|{REJ}")


def turns_of(split: str, count: int, start: int = 0) -> list[Turn]:
    world = World(split, count, start)
    return [turn for index in range(count) for sample in world.pack(index, 8)[1] for turn in sample.turns]


@pytest.fixture(scope="module")
def trained() -> list[Turn]:
    return turns_of("train", 250)


def plain(text: str) -> str:
    return text.lower().rstrip(".?")


def test_marks_equal_targets(trained: list[Turn]) -> None:
    for turn in trained:
        expected = [REJ if target.absent else SEG for target in turn.targets]
        assert MARK.findall(turn.answer) == expected
        for target, before in zip(turn.targets, MARK.split(turn.answer), strict=False):
            assert before.strip().lower().endswith(target.phrase.lower())
        assert bool(turn.targets) != (turn.kind in IN_WORDS)


def test_every_form_occurs(trained: list[Turn]) -> None:
    assert {turn.kind for turn in trained} == {name for name in FORMS if ALL[name].share > 0}


def test_no_braces_doubled_words_or_wrong_articles(trained: list[Turn]) -> None:
    for turn in trained:
        for text in (turn.question, turn.answer):
            assert not re.search(r"[{}]|  |\b(\w+) \1\b|\b[Aa] [aeio]|\b[Aa]n [^aeiou]| [.,?]|the the", text), text


def test_the_same_every_time() -> None:
    one, two = World("val", 5, start=7), World("val", 12)
    for index in range(5):
        first, second = one.sample(index), two.sample(index + 7)
        assert (first.id, first.turns, first.size) == (second.id, second.turns, second.size)
        assert np.array_equal(first.load(), second.load())
        assert first.load().shape[:2] == first.size


def test_a_pack_shows_one_picture_and_may_name_everything() -> None:
    world = World("train", 3)
    image, samples = world.pack(1, 6, ("list",))
    assert len(samples) == 6 and len({sample.id for sample in samples}) == 6
    assert np.array_equal(image, samples[0].load())
    facts = world.facts(1)
    assert np.array_equal(image, facts.image)
    (turn,) = samples[0].turns
    assert turn.kind == "list" and len(turn.targets) == len(facts.kinds) == len(world.scene(1).things)
    shown = sum(masks.decode(target.rle).astype(int) for target in turn.targets if target.rle)
    assert np.array_equal(shown, facts.masks.sum(axis=0))


def test_a_roll_call_asks_for_as_much_that_is_absent_as_present_and_is_never_in_the_mix() -> None:
    world = World("train", 90)
    rolls = [world.pack(index, 2, ("roll call",))[1][0].turns[0] for index in range(len(world))]
    targets = [target for turn in rolls if turn.kind == "roll call" for target in turn.targets]
    assert len(targets) > 150
    assert 0.4 < sum(target.rle is None for target in targets) / len(targets) < 0.6
    kinds = {turn.kind for index in range(60) for sample in world.pack(index, 10)[1] for turn in sample.turns}
    assert "several" in kinds and "roll call" not in kinds


def test_bad_requests() -> None:
    with pytest.raises(ValueError, match="no split"):
        World("exam", 1)
    with pytest.raises(ValueError, match="at least 0"):
        World("train", -1)
    with pytest.raises(IndexError):
        World("train", 2).sample(2)


def test_texts_are_questions_and_answers() -> None:
    texts = list(World("train", 2).texts(100))
    assert len(texts) == 100
    assert any(SEG in text for text in texts) and any(text.endswith("?") for text in texts)


def test_held_out_wordings_never_occur_in_training(trained: list[Turn]) -> None:
    questions = {plain(turn.question) for turn in trained}
    for wordings in QUESTIONS.values():
        assert wordings.held_out and len(wordings.trained) >= 5
        for wording in wordings.held_out:
            pattern = re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(plain(wording))))
            assert not [question for question in questions if pattern.fullmatch(question)]
    held_out = {plain(wording) for fact in FACTS for wording in fact.held_out}
    assert not questions & held_out


def test_phrasing_uses_held_out_wordings_alone() -> None:
    trained_ones = [wording for wordings in QUESTIONS.values() for wording in wordings.trained]
    fixed = {plain(wording) for wording in trained_ones if "{" not in wording}
    fixed |= {plain(wording) for fact in FACTS for wording in fact.wordings}
    asked = {plain(turn.question) for turn in turns_of("test_phrasing", 60)}
    assert not asked & fixed


def test_training_names_no_held_out_pair(trained: list[Turn]) -> None:
    pairs = {f"{colour} {kind}" for colour, kind in HELD_OUT}
    for turn in trained:
        words = re.findall(r"[a-z]+", f"{turn.question} {turn.answer}".lower())
        assert not pairs & {f"{one} {two}" for one, two in pairwise(words)}, turn


def _views(split: str, count: int) -> list[View]:
    world = World(split, count, start=50_000)
    return [world.view(index) for index in range(count)]


@pytest.fixture(scope="module")
def views() -> list[View]:
    return _views("train", 300)


def test_absence_has_one_rate_in_every_form(views: list[View]) -> None:
    never, each = {"list", "rest", *IN_WORDS}, {"several": 0.25, "roll call": 0.5, "doubtful use": 0.5}
    for name, form in ALL.items():
        absent: list[bool] = []
        for number, view in enumerate(views):
            rng = Random(f"{name} {number}")
            for proposal in (proposal for _ in range(4) for proposal in (form.propose(view, rng) or ())[-1:]):
                turn = settle(view, proposal)
                if turn is not None:
                    absent += (
                        [target.absent for target in turn.targets]
                        if name in each
                        else [any(target.absent for target in turn.targets)]
                    )
        rate = float(np.mean(absent))
        expected = 0.0 if name in never else each.get(name, 0.27)
        assert abs(rate - expected) < 4 * (0.2 / len(absent)) ** 0.5 + 0.02, (name, rate, len(absent))


def test_no_word_tells_absence(views: list[View]) -> None:
    """Over all questions, the share of absent targets given any frequent word stays near that over all of them."""
    seen: dict[str, list[bool]] = defaultdict(list)
    every: list[bool] = []
    for number, view in enumerate(views):
        rng = Random(number)
        for turn in (turn for _ in range(12) for turn in converse(view, rng)):
            if turn.targets and turn.kind not in {"list", "rest", "several"}:
                every.append(turn.targets[0].absent)
                for word in set(re.findall(r"[a-z']+", turn.question.lower())):
                    seen[word].append(turn.targets[0].absent)
    base = float(np.mean(every))
    scores = {
        word: (np.mean(absent) - base) / (base * (1 - base) / len(absent)) ** 0.5
        for word, absent in seen.items()
        if len(absent) >= 30
    }
    assert len(scores) > 100
    worst = max(scores, key=lambda word: abs(scores[word]))
    assert abs(scores[worst]) < 4.5, (worst, scores[worst], len(seen[worst]))
    assert float(np.std(list(scores.values()))) < 1.25


def test_no_fact_tells_absence(views: list[View]) -> None:
    """A chi-square like score over the facts: near 1 when each is absent at the same rate."""
    asked, absent = Counter[str](), Counter[str]()
    by_lack = {plain(wording): fact.name for fact in FACTS for wording in fact.wordings}
    for number, view in enumerate(views):
        rng = Random(number)
        for _ in range(60):
            for proposal in ALL["use"].propose(view, rng) or ():
                name = by_lack[plain(proposal.question)]
                asked[name] += 1
                absent[name] += not proposal.parts[0].meant
    base = absent.total() / asked.total()
    rates = np.array([absent[name] / asked[name] for name in asked if asked[name] >= 40])
    assert len(rates) > 60
    assert abs(base - 0.27) < 0.01
    assert float(np.std(rates)) < 0.12, float(np.std(rates))


def test_a_scene_is_the_split_and_the_number() -> None:
    scene = World("test", 10, start=5).scene(2)
    assert isinstance(scene, Scene) and (scene.split, scene.seed) == ("test", 7)
