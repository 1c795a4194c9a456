"""One model for many: turns, places, leaving, crashes."""

import threading
import time

import numpy as np
import pytest

import app.engine
from app.engine import Busy, Engine, Late
from app.service import line
from model.answer import Answer
from model.predictor import Predictor
from tests.app.pictures import picture
from tests.app.puppet import CPU, Puppet, lined_up
from tests.app.waiting import together, until
from tests.eval.board import segment


def test_a_session_gets_the_answer_about_its_own_picture(engine_of):
    engine = engine_of(Puppet())
    pictures = [picture(seed) for seed in range(12)]
    works = [lambda image=image: engine.ask(image, "?", []).text for image in pictures]
    assert together(*works) == [f"The mean is {image.mean():.3f}." for image in pictures]
    assert engine.meter.total("asked") == engine.meter.total("answered") == 12
    assert engine.waiting == 0


def test_places_are_told_and_those_who_wait_are_asked_together(engine_of):
    puppet = Puppet()
    engine = engine_of(puppet, together=3)
    places: dict[str, list[int]] = {name: [] for name in "abcde"}
    works = [lambda name=name: engine.ask(picture(), name, [], None, places[name].append) for name in "abcde"]
    answers = lined_up(puppet, engine, *works)
    assert [answer.question for answer in answers] == list("abcde")
    assert puppet.lots == [["a"], ["b", "c", "d"], ["e"]]
    assert places["a"][0] == 0 and places["b"][0] == 1 and places["e"][0] == 4
    assert all(row == sorted(row, reverse=True) for row in places.values())


def test_words_come_in_the_asker_s_own_thread_and_can_stop_it(engine_of):
    puppet = Puppet()
    engine = engine_of(puppet)
    threads, texts = set(), []

    def words(text: str) -> bool:
        threads.add(threading.current_thread())
        texts.append(text)
        return True

    answer = engine.ask(picture(), "?", [], words)
    assert threads == {threading.current_thread()} and texts[-1] == answer.text
    puppet.rule = lambda questions: time.sleep(0.05)
    slow = Puppet.ask_all

    def ask_all(asks, on_text):
        return slow(puppet, asks, lambda number, text: (time.sleep(0.1), on_text(number, text))[1])

    puppet.ask_all = ask_all
    stopped = engine.ask(picture(), "?", [], lambda text: False)
    assert stopped.stop == "cancelled" and stopped.text != answer.text
    assert engine.meter.total("left") == 1


def test_one_who_leaves_frees_the_place(engine_of, monkeypatch):
    monkeypatch.setattr(line, "PULSE", 0.05)
    puppet = Puppet()
    engine = engine_of(puppet, together=1)

    class Closed(BaseException):
        """As a session that has ended raises it."""

    gone = threading.Event()

    def leave(place: int) -> None:
        if engine.waiting == 3:
            gone.set()
            raise Closed

    first, closed, stopped, last = lined_up(
        puppet,
        engine,
        lambda: engine.ask(picture(), "first", []),
        lambda: engine.ask(picture(), "closed", [], None, leave),
        lambda: engine.ask(picture(), "stopped", [], lambda text: not gone.is_set()),
        lambda: engine.ask(picture(), "last", []),
        waiting=1,
    )
    assert isinstance(closed, Closed)
    assert (stopped.stop, stopped.text) == ("cancelled", "")
    assert (first.question, last.question) == ("first", "last")
    assert puppet.lots == [["first"], ["last"]]
    assert engine.meter.total("left") == 2


def test_a_full_line_turns_away_and_one_asker_cannot_fill_it(engine_of):
    puppet = Puppet()
    engine = engine_of(puppet, waiting=4, together=1)

    def other():
        until(lambda: engine.waiting == 3)
        return engine.ask(picture(), "late", [], who="other")

    def third():
        with pytest.raises(Busy, match="4 questions are waiting"):
            engine.ask(picture(), "?", [], who="third")

    mine = [lambda n=n: engine.ask(picture(), f"mine {n}", [], who="me") for n in range(5)]
    *results, late = lined_up(puppet, engine, *mine, other, waiting=4, then=third)
    assert [isinstance(result, Busy) for result in results] == [False] * 4 + [True]
    assert "of your questions" in str(results[4])
    # What another asks comes before the third of one
    assert [lot[0] for lot in puppet.lots] == ["mine 0", "mine 1", "late", "mine 2", "mine 3"]
    assert isinstance(late, Answer)
    assert engine.meter.total("refused") == 2


def test_pictures_that_wait_are_bounded(engine_of, monkeypatch):
    monkeypatch.setattr(app.engine, "ROOM", 2 * picture().nbytes)
    puppet = Puppet()
    engine = engine_of(puppet, together=1)

    def one_more():
        with pytest.raises(Busy):
            engine.ask(picture(), "?", [])

    results = lined_up(puppet, engine, *[lambda: engine.ask(picture(), "?", [])] * 3, then=one_more)
    assert [isinstance(result, Answer) for result in results] == [True] * 3


def test_ever_new_askers_do_not_keep_a_second_question_waiting():
    served: list[str] = []
    queue = line.Line(lambda lot: None, 100, 2**30, 1)
    queue._thread = threading.current_thread()  # taken by hand
    blank = picture()
    for _ in range(3):
        queue.join(line.Ticket("ask", blank, work=lambda _: None, who="me"))
    for number in range(20):
        queue.join(line.Ticket("ask", blank, work=lambda _: None, who=f"new {number}"))
        with queue._lock:
            served.append(queue._take()[0].who)
    assert served.count("me") == 3


def test_a_late_answer_says_so_and_the_next_comes(engine_of):
    puppet = Puppet()
    puppet.gate.clear()
    engine = engine_of(puppet)
    with pytest.raises(Late, match="too long"):
        engine.ask(picture(), "?", [], timeout=0.1)
    puppet.gate.set()
    assert engine.ask(picture(), "?", [], timeout=10).stop == "end"
    assert engine.meter.total("late") == 1


def test_a_crash_is_a_message_and_those_beside_it_are_answered(engine_of):
    def rule(questions):
        if "break" in questions:
            raise KeyError("weights")
        if "wrong" in questions:
            raise ValueError("the question has 9999 tokens")

    puppet = Puppet(rule)
    engine = engine_of(puppet)
    names = ["first", "good", "break", "wrong", "fine"]
    works = [lambda name=name: engine.ask(picture(), name, []) for name in names]
    first, good, broken, wrong, fine = lined_up(puppet, engine, *works)
    assert [answer.question for answer in (first, good, fine)] == ["first", "good", "fine"]
    assert isinstance(broken, ValueError) and "failed" in str(broken) and "weights" not in str(broken)
    assert isinstance(wrong, ValueError) and "9999 tokens" in str(wrong)
    assert engine.ask(picture(), "next", []).notes == ()
    with pytest.raises(ValueError, match="failed"):
        engine.segment_anyway(picture(), segment("break", None))
    assert engine.meter.total("failed") == 3


@pytest.mark.parametrize("bad", ["\ud800", "what \udfff?"])
def test_what_is_no_text_is_refused(engine_of, bad):
    engine = engine_of(Puppet())
    for question, history in ((bad, []), ("?", [("?", bad)])):
        with pytest.raises(ValueError, match="UTF-8"):
            engine.ask(picture(), question, history)


def test_a_stopping_server_turns_everybody_away(engine_of):
    puppet = Puppet()
    engine = engine_of(puppet)

    def close():
        engine.close()
        with pytest.raises(Busy, match="stopping"):
            engine.ask(picture(), "?", [])

    doing, waiting = lined_up(puppet, engine, *[lambda: engine.ask(picture(), "?", [])] * 2, then=close)
    assert isinstance(doing, Answer) and isinstance(waiting, Busy)


def test_the_thread_ends_when_idle_and_begins_again(engine_of, monkeypatch):
    monkeypatch.setattr(line, "IDLE", 0.05)
    engine = engine_of(Puppet())
    assert engine.ask(picture(), "?", []).stop == "end"
    until(lambda: engine._line._thread is None)
    assert engine.ask(picture(), "?", []).stop == "end"


@pytest.fixture(scope="module")
def talking(talker) -> Engine:
    """The real thing, with a model of random weights that writes marks."""
    return Engine(talker, CPU)


def found(engine: Engine, image: np.ndarray) -> list:
    segments = [s for q in ("Where?", "Where is the red cup?", "The lamp?") for s in engine.ask(image, q, []).segments]
    assert segments
    return segments


def test_a_segment_can_be_corrected_after_its_picture_was_forgotten(talking):
    image = picture()
    given = found(talking, image)[0]
    talking._predictor.memory.limit = 0
    talking.ask(picture(1), "Where?", [])
    refined = talking.refine(image, given, np.array([[5.0, 5.0]]), np.array([1]))
    assert refined.mask.shape == given.mask.shape and refined.evidence.clicks.points is not None
    assert not talking.segment_anyway(image, given).rejected
    maps = talking.layer_maps(image, given)
    assert list(maps) == [0, 1, 2] and maps[0].shape == given.evidence.map.shape
    assert np.array_equal(talking.reground(image, given, layer=1).evidence.map, maps[1])
    with pytest.raises(ValueError, match="another picture"):
        talking.refine(picture(1), given, np.array([[5.0, 5.0]]), np.array([1]))


def test_sessions_at_once_are_answered_as_one_alone(talking):
    pictures = [picture(seed) for seed in range(6)]
    alone = Predictor(talking._predictor.model, keep_bytes=0)
    known = []
    for image in pictures:
        alone.set_image(image)
        known.append(alone.ask("Where is the red cup?"))
    given = together(*[lambda image=image: talking.ask(image, "Where is the red cup?", []) for image in pictures] * 2)
    for one, other in zip(known * 2, given, strict=True):
        assert one.text == other.text
        for mine, theirs in zip(one.segments, other.segments, strict=True):
            assert mine.evidence.picture == theirs.evidence.picture
            assert (mine.mask != theirs.mask).mean() < 1e-3
    numbers = talking.meter.numbers()
    assert numbers["failed"] == 0 or numbers["asked"] > numbers["failed"]
    assert {"wait", "whole", "read", "write", "total"} <= set(numbers["seconds"])
