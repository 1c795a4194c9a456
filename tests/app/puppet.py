"""A predictor that does as it is told, for tests of what stands in front of it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import torch

from app.engine import Engine
from model.answer import Answer
from model.placement import Placement
from tests.app.waiting import outcome, until

CPU = Placement(device="cpu")


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


def lined_up(
    puppet: Puppet,
    engine: Engine,
    *works: Callable[[], object],
    waiting: int | None = None,
    then: Callable[[], object] = lambda: None,
) -> list:
    """What works give that ask one after the other behind the closed gate, the first of them under way; an error is
    what it raised. When so many of them are ``waiting`` (all but the first, unless told otherwise), ``then`` is done
    and the gate opened."""
    puppet.gate.clear()
    pool, begun = ThreadPoolExecutor(len(works)), []
    try:
        for number, work in enumerate(works, start=1):
            begun.append(pool.submit(work))
            until(lambda number=number: puppet.lots and engine.meter.total("asked") >= number)
            time.sleep(0.02)  # from the count to the line
        until(lambda: engine.waiting == (len(works) - 1 if waiting is None else waiting))
        then()
    finally:
        puppet.gate.set()
        pool.shutdown(wait=False)
    return [outcome(one) for one in begun]
