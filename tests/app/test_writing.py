"""An answer while it is written."""

import threading

import numpy as np
import pytest

from app.writing import Writing
from model.answer import Answer

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Slow:
    """Waits in a queue, then writes words until it is told to stop."""

    def __init__(self):
        self.go = threading.Event()

    def ask(self, image, question, history, on_text=None, on_place=None):
        on_place(2)
        self.go.wait(10)
        text = ""
        for word in range(10_000):
            text += f" {word}"
            if not on_text(text):
                return Answer(question, text, (), stop="cancelled")
        return Answer(question, text, ())


def settled(writing):
    writing._work.join(10)
    assert writing.done
    return writing


def test_the_place_is_known_while_it_waits_and_the_words_are_kept_when_it_is_stopped():
    model = Slow()
    writing = Writing(model, IMAGE, "?", [])
    writing.start(patience=0.05)
    assert not writing.done and writing.place == 2 and writing.queued and writing.text == ""
    writing.stop()
    model.go.set()
    assert settled(writing).answer.text == " 0" and writing.answer.stop == "cancelled"


def test_an_answer_that_nobody_waits_for_is_stopped():
    model = Slow()
    model.go.set()
    asked = iter([True, True, True, False])
    writing = Writing(model, IMAGE, "?", [], wanted=lambda: next(asked))
    writing.start()
    assert settled(writing).answer.text == " 0 1 2"


def test_an_answer_that_is_ready_at_once_is_there_after_the_start():
    model = Slow()
    model.go.set()
    writing = Writing(model, IMAGE, "?", [])
    writing.start(patience=10)
    assert writing.done and writing.answer.stop == "end" and writing.place == 0 and not writing.queued


@pytest.mark.parametrize(
    ("error", "says"), [(ValueError("too long"), "too long"), (KeyError("x"), "ask it again"), (SystemExit(1), "again")]
)
def test_whatever_fails_is_a_message_and_nobody_waits_for_ever(error, says):
    class Breaks:
        def ask(self, *_):
            raise error

    writing = Writing(Breaks(), IMAGE, "?", [])
    writing.start(patience=10)
    assert writing.done and says in writing.problem
