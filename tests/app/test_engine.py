"""One model for many: turns, places, leaving, crashes, full memory."""

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import app.engine
from app.engine import ALONE, FLED, FORGOTTEN, Busy, Engine, Late
from app.service import line
from model.answer import Answer
from model.placement import Placement
from model.predictor import Predictor
from tests import tiny
from tests.eval.board import segment

CPU = Placement(device="cpu")


def picture(seed: int = 0, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


class Puppet:
    """A predictor that does as it is told: ``rule`` answers, or raises.

    Attributes:
        lots: the questions that were asked together, in turn.
        gate: nothing is answered while it is closed.
        forgets: how often it had to forget.
    """

    def __init__(self, rule: Callable[[list[str]], None] | None = None) -> None:
        self.rule, self.lots, self.forgets = rule or (lambda questions: None), [], 0
        self.gate = threading.Event()
        self.gate.set()
        self.model = SimpleNamespace(
            device=torch.device("cpu"), placement=SimpleNamespace(bits=None), place=lambda placement: None
        )

    def ask_all(self, asks, on_text):
        questions = [ask.question for ask in asks]
        self.lots.append(questions)
        assert self.gate.wait(60)
        self.rule(questions)
        answers = []
        for number, ask in enumerate(asks):
            words, stop = "", "end"
            for word in ("The ", "mean ", f"is {ask.image.mean():.3f}."):
                words += word
                if not on_text(number, words):
                    stop = "cancelled"
                    break
            answers.append(Answer(ask.question, words, (), {"write": 0.01, "total": 0.01}, stop))
        return answers

    def set_image(self, image):
        self.image = image

    def segment_anyway(self, given):
        self.rule([given.phrase])
        return given

    def forget(self):
        self.forgets += 1


@pytest.fixture
def engine_of(monkeypatch):
    """Makes an engine of a puppet."""

    def make(puppet: Puppet, **limits) -> Engine:
        monkeypatch.setattr(Predictor, "from_pretrained", lambda *_: puppet)
        return Engine(Path("puppet"), CPU, **limits)

    return make


def together(*works: Callable[[], object], behind: tuple[Puppet, Engine] | None = None) -> list:
    """What works give that run at once; an error is what it raised. ``behind`` a closed gate they line up in their
    order: all but the last ask, the first is under way before the second comes."""
    results: list = [None] * len(works)

    def run(number: int, work: Callable[[], object]) -> None:
        try:
            results[number] = work()
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        if behind is not None and number < len(threads):
            until(functools.partial(_lined_up, *behind, number))
            time.sleep(0.02)  # from the count to the line
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive()
    return results


def _lined_up(puppet: Puppet, engine: Engine, number: int) -> bool:
    return bool(puppet.lots) and engine.meter.total("asked") >= number


def until(true: Callable[[], bool]) -> None:
    for _ in range(6000):
        if true():
            return
        time.sleep(0.005)
    pytest.fail("it did not happen within half a minute")


def test_a_session_gets_the_answer_about_its_own_picture(engine_of):
    engine = engine_of(Puppet())
    pictures = [picture(seed) for seed in range(12)]
    works = [lambda image=image: engine.ask(image, "?", []).text for image in pictures]
    assert together(*works) == [f"The mean is {image.mean():.3f}." for image in pictures]
    assert engine.meter.total("asked") == engine.meter.total("answered") == 12
    assert engine.waiting == 0


def test_places_are_told_and_those_who_wait_are_asked_together(engine_of):
    puppet = Puppet()
    puppet.gate.clear()
    engine = engine_of(puppet, together=3)
    places: dict[str, list[int]] = {name: [] for name in "abcde"}
    works = [lambda name=name: engine.ask(picture(), name, [], None, places[name].append) for name in "abcde"]

    def open_gate():
        until(lambda: engine.waiting == 4)
        puppet.gate.set()

    answers = together(*works, open_gate, behind=(puppet, engine))[:5]
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
    puppet.gate.clear()
    engine = engine_of(puppet, together=1)

    class Closed(BaseException):
        """As a session that has ended raises it."""

    gone = threading.Event()

    def leave(place: int) -> None:
        if engine.waiting == 3:
            gone.set()
            raise Closed

    def later():
        until(lambda: engine.waiting == 1)
        puppet.gate.set()

    first, closed, stopped, last, _ = together(
        lambda: engine.ask(picture(), "first", []),
        lambda: engine.ask(picture(), "closed", [], None, leave),
        lambda: engine.ask(picture(), "stopped", [], lambda text: not gone.is_set()),
        lambda: engine.ask(picture(), "last", []),
        later,
        behind=(puppet, engine),
    )
    assert isinstance(closed, Closed)
    assert (stopped.stop, stopped.text) == ("cancelled", "")
    assert (first.question, last.question) == ("first", "last")
    assert puppet.lots == [["first"], ["last"]]
    assert engine.meter.total("left") == 2


def test_a_full_line_turns_away_and_one_asker_cannot_fill_it(engine_of):
    puppet = Puppet()
    puppet.gate.clear()
    engine = engine_of(puppet, waiting=4, together=1)

    def other():
        until(lambda: engine.waiting == 3)
        return engine.ask(picture(), "late", [], who="other")

    def open_gate():
        until(lambda: engine.waiting == 4)
        with pytest.raises(Busy, match="4 questions are waiting"):
            engine.ask(picture(), "?", [], who="third")
        puppet.gate.set()

    mine = [lambda n=n: engine.ask(picture(), f"mine {n}", [], who="me") for n in range(5)]
    *results, late, _ = together(*mine, other, open_gate, behind=(puppet, engine))
    assert [isinstance(result, Busy) for result in results] == [False] * 4 + [True]
    assert "of your questions" in str(results[4])
    # What another asks comes before the third of one
    assert [lot[0] for lot in puppet.lots] == ["mine 0", "mine 1", "late", "mine 2", "mine 3"]
    assert isinstance(late, Answer)
    assert engine.meter.total("refused") == 2


def test_pictures_that_wait_are_bounded(engine_of, monkeypatch):
    monkeypatch.setattr(app.engine, "ROOM", 2 * picture().nbytes)
    puppet = Puppet()
    puppet.gate.clear()
    engine = engine_of(puppet, together=1)

    def open_gate():
        until(lambda: engine.waiting == 2)
        with pytest.raises(Busy):
            engine.ask(picture(), "?", [])
        puppet.gate.set()

    results = together(*[lambda: engine.ask(picture(), "?", [])] * 3, open_gate, behind=(puppet, engine))
    assert [isinstance(result, Answer) for result in results] == [True] * 3 + [False]


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
    puppet.gate.clear()
    engine = engine_of(puppet)

    def open_gate():
        until(lambda: engine.waiting == 4)
        puppet.gate.set()

    names = ["first", "good", "break", "wrong", "fine"]
    works = [lambda name=name: engine.ask(picture(), name, []) for name in names]
    first, good, broken, wrong, fine, _ = together(*works, open_gate, behind=(puppet, engine))
    assert [answer.question for answer in (first, good, fine)] == ["first", "good", "fine"]
    assert isinstance(broken, ValueError) and "failed" in str(broken) and "weights" not in str(broken)
    assert isinstance(wrong, ValueError) and "9999 tokens" in str(wrong)
    assert engine.ask(picture(), "next", []).notes == ()
    with pytest.raises(ValueError, match="failed"):
        engine.segment_anyway(picture(), segment("break", None))
    assert engine.meter.total("failed") == 3


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_full_memory_forgets_then_asks_one_by_one_and_says_so(engine_of, error):
    def rule(questions):
        if len(questions) > 1:
            raise error

    puppet = Puppet(rule)
    puppet.gate.clear()
    engine = engine_of(puppet)

    def open_gate():
        until(lambda: engine.waiting == 2)
        puppet.gate.set()

    first, *rest, _ = together(*[lambda: engine.ask(picture(), "?", [])] * 3, open_gate, behind=(puppet, engine))
    assert first.notes == () and [answer.notes for answer in rest] == [(FORGOTTEN, ALONE)] * 2
    assert puppet.lots == [["?"], ["?", "?"], ["?", "?"], ["?"], ["?"]]
    assert engine.ask(picture(), "?", []).notes == ()


def test_full_memory_of_a_device_flees_to_the_cpu_and_comes_back(engine_of, monkeypatch):
    places = []

    def rule(questions):
        if puppet.model.device.type == "cuda" and questions == ["large"]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def place(placement):
        places.append(placement.device)
        puppet.model.device = torch.device(placement.device)

    puppet = Puppet(rule)
    monkeypatch.setattr(Predictor, "from_pretrained", lambda *_: puppet)
    puppet.model.device, puppet.model.place = torch.device("cuda"), place
    engine = Engine(Path("puppet"), Placement(device="cuda"))
    assert engine.ask(picture(), "large", []).notes == (FORGOTTEN, FLED)
    assert engine.ask(picture(), "small", []).notes == (FLED,)
    assert engine.device == "cpu"
    monkeypatch.setattr(app.engine, "RETURN", 0.0)
    assert engine.ask(picture(), "small", []).notes == ()
    assert engine.device == "cuda" and places == ["cpu", "cuda"]


def test_full_memory_without_a_way_out_is_one_plain_line(engine_of):
    def rule(questions):
        if questions == ["large"]:
            raise MemoryError

    engine = engine_of(Puppet(rule))
    with pytest.raises(ValueError, match="memory is full"):
        engine.ask(picture(), "large", [])
    assert engine.ask(picture(), "small", []).notes == ()


def test_a_lost_device_has_the_model_read_again(monkeypatch):
    made = []

    def broken(questions):
        raise RuntimeError("CUDA error: device-side assert triggered")

    def read(folder, placement, layer):
        made.append(placement.device)
        puppet = Puppet(broken if len(made) == 1 else None)
        puppet.model.device = torch.device("meta" if len(made) == 1 else "cpu")  # computes nothing, as a lost one
        return puppet

    monkeypatch.setattr(Predictor, "from_pretrained", read)
    engine = Engine(Path("puppet"), Placement(device="cuda"))
    with pytest.raises(ValueError, match="failed"):
        engine.ask(picture(), "?", [])
    assert engine.ask(picture(), "?", []).stop == "end"
    assert made == ["cuda", "cpu"]


@pytest.mark.parametrize("bad", ["\ud800", "what \udfff?"])
def test_what_is_no_text_is_refused(engine_of, bad):
    engine = engine_of(Puppet())
    for question, history in ((bad, []), ("?", [("?", bad)])):
        with pytest.raises(ValueError, match="UTF-8"):
            engine.ask(picture(), question, history)


def test_a_stopping_server_turns_everybody_away(engine_of):
    puppet = Puppet()
    puppet.gate.clear()
    engine = engine_of(puppet)

    def close():
        until(lambda: engine.waiting == 1)
        engine.close()
        puppet.gate.set()
        with pytest.raises(Busy, match="stopping"):
            engine.ask(picture(), "?", [])

    doing, waiting, closed = together(*[lambda: engine.ask(picture(), "?", [])] * 2, close, behind=(puppet, engine))
    assert isinstance(doing, Answer) and isinstance(waiting, Busy) and closed is None


def test_the_thread_ends_when_idle_and_begins_again(engine_of, monkeypatch):
    monkeypatch.setattr(line, "IDLE", 0.05)
    engine = engine_of(Puppet())
    assert engine.ask(picture(), "?", []).stop == "end"
    until(lambda: engine._line._thread is None)
    assert engine.ask(picture(), "?", []).stop == "end"


@pytest.fixture(scope="module")
def talking(tmp_path_factory) -> Engine:
    """The real thing, with a model of random weights that writes marks."""
    folder = tmp_path_factory.mktemp("talker") / "talker"
    tiny.talker().save_pretrained(folder)
    return Engine(folder, CPU)


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
