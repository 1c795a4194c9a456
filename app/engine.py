"""One model in memory for every session of the page and the service; questions take turns."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from app.service.line import Busy, Late, Line, Ticket
from app.service.meter import Meter
from model.answer import Answer, Segment
from model.placement import Placement
from model.policy import Use
from model.predictor import EMPTY, Ask, Predictor

__all__ = ["Asks", "Busy", "Engine", "Late"]

log = logging.getLogger(__name__)

History = Sequence[tuple[str, str]]
T = TypeVar("T")

WAITING = 32  # questions that wait; more are turned away
ROOM = 2**30  # bytes of pictures that wait
TOGETHER = 4  # questions that wait are answered so many at once
RETURN = 300.0  # seconds after which a model that has fled to the CPU tries its device again

FAILED = "the model failed on this question; ask it in other words, or another one"
FULL = "the memory is full: try a smaller picture, or again in a moment"
FORGOTTEN = "The memory was full: what was kept of other pictures was let go, and they are read again when asked about."
ALONE = "The memory was full: this question was asked by itself, not together with others."
FLED = "The device's memory was full: the model answers on the CPU for some minutes, which takes longer."


class Asks(Protocol):
    """What the page needs of a model."""

    def ask(
        self,
        image: np.ndarray,
        question: str,
        history: History,
        on_text: Callable[[str], bool] | None = None,
        on_place: Callable[[int], object] | None = None,
    ) -> Answer:
        """Answer a question about a picture; ValueError says in one line what is wrong with it. ``on_place`` is told
        how many questions are before this one."""

    def refine(
        self, image: np.ndarray, segment: Segment, points: np.ndarray, labels: np.ndarray, box: np.ndarray | None = None
    ) -> Segment:
        """Correct a segment of this picture by clicks, or a box."""

    def segment_anyway(self, image: np.ndarray, segment: Segment) -> Segment:
        """The mask of a rejected segment."""

    def layer_maps(self, image: np.ndarray, segment: Segment) -> dict[int, np.ndarray]:
        """The similarity map ``(h, w)`` float32 of a segment at every layer."""

    def reground(self, image: np.ndarray, segment: Segment, /, layer: int | None = None, **options: Any) -> Segment:
        """A segment from another layer's map, or with other settings of the points."""


class Engine:
    """A predictor at the head of a line, for sessions that know nothing of one another.

    One thread runs the model. Questions that wait are answered together; a question whose asker has left frees its
    place. What is returned lies in main memory, so that sessions hold none of a GPU's.

    Args:
        checkpoint: a folder.
        placement: where and in what to compute.
        waiting: how many may wait.
        together: how many of them are answered at once.
        layer: applies the model's layer policy in another way than the folder says.
    """

    def __init__(
        self,
        checkpoint: Path,
        placement: Placement,
        waiting: int = WAITING,
        together: int = TOGETHER,
        layer: Use | None = None,
    ) -> None:
        self._checkpoint, self._placement, self._layer = checkpoint, placement, layer
        self._predictor = Predictor.from_pretrained(checkpoint, placement, layer)
        self._fled: float | None = None
        self.meter = Meter()
        self._line = Line(self._serve, waiting, ROOM, together)

    def ask(
        self,
        image: np.ndarray,
        question: str,
        history: History,
        on_text: Callable[[str], bool] | None = None,
        on_place: Callable[[int], object] | None = None,
        *,
        who: str | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Answer a question about a picture.

        Both callbacks run in the caller's thread, about once a second at least; what they raise ends the question.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            question: in words.
            history: what was said before.
            on_text: told the text so far; returns False to stop.
            on_place: told how many questions are before this one, 0 when it is its turn; may return False, too.
            who: whose question it is: those of one take turns with those of others.
            timeout: seconds to wait at most.

        Raises:
            Busy: too many wait.
            Late: it took longer than ``timeout``.
            ValueError: the question is empty or too long, or the model failed (the log has why).
        """
        if not question.strip():  # it need not wait to be told
            raise ValueError(EMPTY)
        for words in (question, *(text for turn in history for text in turn)):
            if any("\ud800" <= letter <= "\udfff" for letter in words):  # bytes that are not UTF-8
                raise ValueError("the question is not valid text: write it in UTF-8")
        ticket = Ticket("ask", image, Ask(image, question, list(history)), who=who)
        answer = self._take(ticket, on_text, on_place, timeout)
        return Answer(question, "", (), {}, "cancelled") if answer is None else answer

    def refine(
        self,
        image: np.ndarray,
        segment: Segment,
        points: np.ndarray,
        labels: np.ndarray,
        box: np.ndarray | None = None,
        *,
        who: str | None = None,
        timeout: float | None = None,
    ) -> Segment:
        """Correct a segment of this picture: :meth:`Predictor.refine`; raises as :meth:`ask` does."""
        work = _about(image, lambda predictor: predictor.refine(segment, points, labels, box))
        return self._take(Ticket("refine", image, work=work, who=who), timeout=timeout)

    def segment_anyway(
        self, image: np.ndarray, segment: Segment, *, who: str | None = None, timeout: float | None = None
    ) -> Segment:
        """The mask of a rejected segment of this picture; raises as :meth:`ask` does."""
        work = _about(image, lambda predictor: predictor.segment_anyway(segment))
        return self._take(Ticket("segment_anyway", image, work=work, who=who), timeout=timeout)

    def layer_maps(
        self, image: np.ndarray, segment: Segment, *, who: str | None = None, timeout: float | None = None
    ) -> dict[int, np.ndarray]:
        """The map of a segment at every layer: :meth:`Predictor.layer_maps`; raises as :meth:`ask` does."""
        work = _about(image, lambda predictor: predictor.layer_maps(segment))
        return self._take(Ticket("layer_maps", image, work=work, who=who), timeout=timeout)

    def reground(self, image: np.ndarray, segment: Segment, /, layer: int | None = None, **options: Any) -> Segment:
        """A segment from another layer, or with other settings: :meth:`Predictor.reground`; raises as :meth:`ask`
        does. ``who`` and ``timeout`` as there."""
        who, timeout = options.pop("who", None), options.pop("timeout", None)
        work = _about(image, lambda predictor: predictor.reground(segment, layer, **options))
        return self._take(Ticket("reground", image, work=work, who=who), timeout=timeout)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._line)

    @property
    def device(self) -> str:
        """Where the model is."""
        return str(self._predictor.model.device)

    @property
    def kept(self) -> int:
        """Bytes that are kept of pictures."""
        return self._predictor.memory.bytes

    def retire(self) -> None:
        """Let it go: who still holds it is answered, and when the last one has left, the model leaves the memory."""
        self._line.retire()

    def close(self) -> None:
        """Turn everybody away from now on."""
        self._line.close()

    # The askers' side

    def _take(
        self,
        ticket: Ticket,
        on_text: Callable[[str], bool] | None = None,
        on_place: Callable[[int], object] | None = None,
        timeout: float | None = None,
    ) -> Any:
        self.meter.count("asked", ticket.kind)
        outcome = "left"
        try:
            self._line.join(ticket)
            result = ticket.wait(on_text, on_place, None if timeout is None else ticket.joined + timeout)
            outcome = "left" if ticket.left else "answered"
            return result
        except Busy:
            outcome = "refused"
            raise
        except Late:
            outcome = "late"
            raise
        except ValueError:
            outcome = "failed"
            raise
        finally:
            self._line.leave(ticket)
            self.meter.count(outcome, ticket.kind)
            if outcome == "answered" and ticket.begun is not None:
                self.meter.time({"wait": ticket.begun - ticket.joined, "whole": time.monotonic() - ticket.joined})
                if isinstance(result, Answer):
                    self.meter.time(result.timings)

    # The model's side: one thread

    def _serve(self, lot: list[Ticket], freed: bool = False) -> None:
        """Do what a lot of tickets asks; whatever happens becomes an answer or one plain line for each."""
        lot = [ticket for ticket in lot if not ticket.left]
        self._come_back()
        full = wrong = None
        try:
            return self._run(lot)
        except ValueError as error:
            if len(lot) == 1:
                return lot[0].fail(error)
            wrong = error  # of one of them: who is right must not suffer for it
        except Exception as error:  # one failed question must not end the server
            full = _is_full(error)
            if not full:
                log.exception("the model failed")
        # Out of the handler, whose traceback holds what the model has computed
        if full and not freed:
            self._fallback(lot, FORGOTTEN)
            self._predictor.forget()
            _empty_caches()
            return self._serve(lot, freed=True)
        if full and len(lot) > 1:
            self._fallback(lot, ALONE)
        if len(lot) > 1:
            if not wrong:
                self._predictor.forget()  # what is kept of their pictures may be half made
            for ticket in lot:
                self._serve([ticket], freed)
            return None
        if full and self._flee():
            self._fallback(lot, FLED)
            return self._serve(lot, freed=True)
        self._predictor.forget()
        if not full and not wrong and self._is_lost():
            self._reload()
        return lot[0].fail(ValueError(FULL if full else FAILED))

    def _run(self, lot: list[Ticket]) -> None:
        """Ask the model."""
        if not lot:
            return
        if lot[0].work is not None:
            result = lot[0].work(self._predictor)
            lot[0].give(_in_main_memory(result) if isinstance(result, Segment) else result)
            return
        answers = self._predictor.ask_all(
            [ticket.question for ticket in lot if ticket.question is not None],
            on_text=lambda number, text: lot[number].tell(text),
        )
        for ticket, answer in zip(lot, answers, strict=True):
            segments = tuple(_in_main_memory(segment) for segment in answer.segments)
            if self._fled is not None:
                ticket.note(FLED)
            ticket.give(replace(answer, segments=segments, notes=(*answer.notes, *ticket.notes)))

    def _fallback(self, lot: list[Ticket], note: str) -> None:
        log.warning(note)
        for ticket in lot:
            ticket.note(note)
            self.meter.count("fallbacks", ticket.kind)

    def _flee(self) -> bool:
        """To the CPU, if the model is not there; False where that does not help."""
        model = self._predictor.model
        if model.device.type == "cpu" or model.placement.bits is not None:
            return False
        self._predictor.forget()
        try:
            model.place(replace(self._placement, device="cpu", offload=False, compile=False, bits=None))
        except (ValueError, RuntimeError, MemoryError):
            log.exception("the model does not run on the CPU either")
            return False
        _empty_caches()
        self._fled = time.monotonic()
        return True

    def _come_back(self) -> None:
        """To the device that was asked for, after some minutes on the CPU."""
        if self._fled is None or time.monotonic() < self._fled + RETURN:
            return
        self._predictor.forget()
        try:
            self._predictor.model.place(self._placement)
            self._fled = None
        except (ValueError, RuntimeError, MemoryError):
            log.warning("the device has no room yet: the model stays on the CPU")
            self._predictor.model.place(replace(self._placement, device="cpu", offload=False, compile=False))
            self._fled = time.monotonic()

    def _is_lost(self) -> bool:
        """The device answers no more: a GPU does not after a fault in one of its programs."""
        try:
            return float(torch.ones(2, device=self._predictor.model.device).sum()) != 2
        except RuntimeError:
            return True

    def _reload(self) -> None:
        """The model anew, on the CPU, where the device is lost."""
        log.error("%s is lost until a restart: the model is read again, on the CPU", self._placement.device)
        placement = replace(self._placement, device="cpu", offload=False, compile=False, bits=None)
        self._predictor = Predictor.from_pretrained(self._checkpoint, placement, self._layer)
        self._placement = placement


def _about(image: np.ndarray, work: Callable[[Predictor], T]) -> Callable[[Predictor], T]:
    """The same work after the picture has been chosen: it may have been pushed out of memory since."""

    def chosen(predictor: Predictor) -> T:
        predictor.set_image(image)
        return work(predictor)

    return chosen


def _in_main_memory(segment: Segment) -> Segment:
    return replace(segment, evidence=segment.evidence.on("cpu"))


def _is_full(error: Exception) -> bool:
    """Whether memory has run out: torch says it in its own way for each device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)


def _empty_caches() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
