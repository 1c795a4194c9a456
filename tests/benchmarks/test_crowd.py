"""The crowd finds what is mixed up, what fails, and what grows."""

import threading

import numpy as np

from benchmarks.crowd import Direct, Given, Talk, Tally, crowd, overhead, report, talks
from data import masks
from model.placement import Placement
from model.predictor import Predictor


def given(number: int) -> Given:
    mask = np.zeros((50, 50), bool)
    mask[:, : number + 1] = True
    return Given("The cup <SEG> and the lamp <REJ>.", (masks.encode(mask), None))


class Fake:
    """Answers right, but every ``fails`` and ``mixes`` of its turns."""

    def __init__(self, fails: int = 0, mixes: int = 0):
        self.turn, self.fails, self.mixes, self.lock = 0, fails, mixes, threading.Lock()

    def ask(self, image, question, history, session):
        with self.lock:
            self.turn += 1
            turn = self.turn
        if self.fails and turn % self.fails == 0:
            raise ValueError("the model failed")
        if self.mixes and turn % self.mixes == 0:
            return given(1 - session)
        return given(session)

    def begin(self, image, history, session):
        pass

    def close(self, session):
        pass

    def place(self, session):
        return session

    def memory(self):
        return 10**6 * (100 + self.turn)


TALKS = [Talk(np.zeros((4, 4, 3), np.uint8), (("Where?", []),), (given(number),)) for number in range(2)]


def test_what_is_mixed_up_and_what_fails_is_counted():
    right = crowd(Fake(), TALKS, 0.2, every=0.05)
    assert right.seconds and not right.errors and not right.mixed and not right.different
    wrong = crowd(Fake(fails=5, mixes=3), TALKS, 0.5, every=0.05)
    assert wrong.errors and wrong.mixed == wrong.different > 0
    shown = report(wrong, 0.5, (0.2, 0.15))
    assert shown["errors"] == len(wrong.errors) and shown["overhead ms"] == 50.0
    assert shown["first error"] == "ValueError: the model failed"
    places = shown["latency by place"]
    assert set(places) == {"0", "1"} and sum(one["questions"] for one in places.values()) == len(wrong.seconds)


def test_the_line_through_memory():
    tally = Tally([0.1, 0.2, 0.3], memory=[(float(second), 10**6 * (50 + 2 * second)) for second in range(61)])
    shown = report(tally, 60.0, (0.1, 0.1))
    minutes = {"first minute": 109, "last minute": 110}  # the last second is not of the first minute
    assert shown["memory MB"] == {"at a tenth": 62, "at the end": 170, "most": 170, "a minute": 120.0, **minutes}
    assert shown["latency s"]["p50"] == 0.2 and shown["latency s"]["most"] == 0.3


def test_single_pixels_may_differ_and_words_may_not():
    one = np.zeros((50, 50), bool)
    two = one.copy()
    two[0, :2] = True
    assert Given("a <SEG>", (masks.encode(one),)).same(Given("a <SEG>", (masks.encode(two),)))
    two[0, :5] = True
    assert not Given("a <SEG>", (masks.encode(one),)).same(Given("a <SEG>", (masks.encode(two),)))
    assert not Given("a <SEG>", (masks.encode(one),)).same(Given("b <SEG>", (masks.encode(one),)))
    assert not Given("a <SEG>", (masks.encode(one),)).same(Given("a <SEG>", (None,)))


def test_the_real_engine_mixes_nothing(checkpoint):
    bare = Predictor.from_pretrained(checkpoint, Placement(device="cpu"))
    asked = talks(bare, 3, 2)
    assert all(len(talk.turns) == 2 and talk.turns[1][1] for talk in asked)
    way = Direct(checkpoint, 6)
    tally = crowd(way, asked, 1.0, every=0.2)
    assert len(tally.seconds) > 3 and not tally.errors and not tally.different
    assert tally.memory[0][1] > 10**7
    assert all(seconds > 0 for seconds in overhead(way, bare, asked[0], 2))
