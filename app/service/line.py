"""The line in front of the model: bounded, fair, and each in it is told its place."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model.predictor import Ask, Predictor

log = logging.getLogger(__name__)

PULSE = 1.0  # seconds after which one who waits is told again: whoever has left is found so
IDLE = 30.0  # seconds without work after which the thread that works ends


class Busy(ValueError):
    """The line is full."""


class Late(ValueError):
    """An answer has taken longer than its asker wanted to wait."""


@dataclass(eq=False)
class Ticket:
    """One that wants the model: a question, which may be answered together with others, or other ``work``.

    Attributes:
        kind: what it is counted as.
        image: what it is about; the line's limit on bytes counts it.
        who: whose it is; those of one take turns with those of others.
        ahead: how many are before it; 0 when it is its turn.
        text: the answer so far.
        notes: what was out of the ordinary.
        left: nobody waits for it any more.
    """

    kind: str
    image: np.ndarray
    question: Ask | None = None
    work: Callable[[Predictor], Any] | None = None
    who: str | None = None
    ahead: int = 0
    text: str = ""
    notes: list[str] = field(default_factory=list)
    left: bool = False
    done: bool = False
    result: Any = None
    problem: ValueError | None = None
    order: tuple[float, int] = (0.0, 0)
    joined: float = field(default_factory=time.monotonic)
    begun: float | None = None
    changed: threading.Event = field(default_factory=threading.Event)

    def tell(self, text: str) -> bool:
        """The answer so far; False where nobody waits for more."""
        self.text = text
        self.changed.set()
        return not self.left

    def note(self, line: str) -> None:
        """Say something of the answer, once."""
        if line not in self.notes:
            self.notes.append(line)

    def give(self, result: Any) -> None:
        """It is done."""
        self.result, self.done = result, True
        self.changed.set()

    def fail(self, problem: ValueError) -> None:
        """It has come to nothing."""
        self.problem, self.done = problem, True
        self.changed.set()

    def wait(
        self, on_text: Callable[[str], bool] | None, on_place: Callable[[int], object] | None, until: float | None
    ) -> Any:
        """Wait for the result in the thread of the one who asked, where the callbacks are called, too; None if they
        said stop before its turn.

        Raises:
            ValueError: it has come to nothing, or is late.
        """
        place, text = -1, ""
        while True:
            rest = PULSE if until is None else min(PULSE, until - time.monotonic())
            moved = self.changed.wait(max(rest, 0.0))
            self.changed.clear()
            if self.done:
                break
            if until is not None and time.monotonic() >= until:
                self.left = True
                raise Late("this takes too long: ask again when fewer people ask, or something simpler")
            waits = not text
            if on_place is not None and waits and (self.ahead != place or not moved):
                place = self.ahead
                self.left = self.left or on_place(place) is False
            if on_text is not None and (self.text != text or not (moved or (waits and on_place is not None))):
                text = self.text
                self.left = self.left or on_text(text) is False
            if self.left and self.begun is None:
                return None
        if self.problem is not None:
            raise self.problem
        if on_place is not None and place != 0:
            on_place(0)
        if on_text is not None and self.text != text:
            on_text(self.text)
        return self.result


class Line:
    """Who waits, in the order of their turns.

    Turns are shared by ``who``: a question of one who has three waiting comes after the first of everybody else (start
    time fair queueing, at the same cost for each). ``work`` is run in a thread of the line's own, which ends when there
    is nothing to do and begins again with the next ticket.

    Args:
        work: does a lot of tickets, and gives or fails each.
        most: that wait; one may hold three quarters of the places.
        room: bytes of pictures that wait.
        together: questions in one lot.
    """

    def __init__(self, work: Callable[[list[Ticket]], None], most: int, room: int, together: int) -> None:
        self._work, self.most, self._room, self._together = work, most, room, together
        self._lock = threading.Condition()
        self._waiting: list[Ticket] = []
        self._doing: list[Ticket] = []
        self._now, self._count = 0.0, 0
        self._last: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._closed = self._retired = False

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, ticket: Ticket) -> None:
        """Take the last place, or an earlier one among those who have asked more.

        Raises:
            Busy: there is none.
        """
        with self._lock:
            if self._closed:
                raise Busy("the server is stopping: ask again in a minute")
            mine = sum(other.who == ticket.who for other in self._waiting) if ticket.who is not None else 0
            held = sum(other.image.nbytes for other in self._waiting)
            # An idle model takes a first one whatever its size
            if len(self._waiting) >= self.most or (held and held + ticket.image.nbytes > self._room):
                raise Busy(f"{len(self._waiting)} questions are waiting already: try again in a moment")
            if mine >= max(1, self.most * 3 // 4):
                raise Busy(f"{mine} of your questions are waiting already: ask more when they are answered")
            turn = self._now
            if ticket.who is not None:
                turn = max(self._now, self._last.get(ticket.who, -1.0) + 1)
                self._last[ticket.who] = turn
            self._count += 1
            ticket.order = (turn, self._count)
            self._waiting.append(ticket)
            self._waiting.sort(key=lambda one: one.order)
            self._places()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pinpoint-model", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def leave(self, ticket: Ticket) -> None:
        """The one who asked has gone: a place is freed, and what is being written ends at its next word."""
        ticket.left = True
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                self._places()

    def retire(self) -> None:
        """Nobody new will come: who waits is answered, and so is who comes yet; the thread no longer lingers."""
        with self._lock:
            self._retired = True
            self._lock.notify_all()

    def close(self) -> None:
        """Take no more; those who wait are told."""
        with self._lock:
            self._closed = True
            gone, self._waiting = self._waiting, []
            doing = list(self._doing)
            self._lock.notify_all()
        for ticket in gone:
            ticket.fail(Busy("the server is stopping: ask again in a minute"))
        for ticket in doing:
            ticket.left = True

    def _places(self) -> None:
        busy = sum(not ticket.done for ticket in self._doing)
        for number, ticket in enumerate(self._waiting):
            if ticket.ahead != busy + number:
                ticket.ahead = busy + number
                ticket.changed.set()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting and not self._closed and not self._retired:
                    self._lock.wait(IDLE)
                lot = self._take()
                if not lot:
                    self._thread = None
                    return
            try:
                self._work(lot)
            except BaseException:  # this thread serves all: nothing may end it
                log.exception("the line's work failed")
            for ticket in lot:
                if not ticket.done:  # whatever happened, nobody waits for ever
                    ticket.fail(ValueError("the model failed on this question; ask it in other words, or another one"))
            with self._lock:
                self._doing = []
                self._places()

    def _take(self) -> list[Ticket]:
        """The next one, and with a question others that wait."""
        if not self._waiting:
            return []
        lot = [self._waiting[0]]
        if lot[0].question is not None:
            others = [ticket for ticket in self._waiting[1:] if ticket.question is not None]
            lot += others[: self._together - 1]
        self._waiting = [ticket for ticket in self._waiting if ticket not in lot]
        # Time goes on with each turn, so that ever new askers do not keep an earlier one's second question waiting
        share = len(lot) / (len(lot) + len(self._waiting))
        self._now = max(self._now + share, *(ticket.order[0] for ticket in lot))
        self._last = {who: turn for who, turn in self._last.items() if turn + 1 > self._now}
        self._doing = lot
        for ticket in lot:
            ticket.ahead, ticket.begun = 0, time.monotonic()
            ticket.changed.set()
        self._places()
        return lot
