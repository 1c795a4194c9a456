"""Answers written by hand, and a predictor that reads them off the truth."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from data import masks
from data.sample import REJ, SEG, Sample, Target, Turn
from eval.predictions import Prediction
from model.answer import Answer, Segment, SegmentEvidence
from model.predictor import Ask
from model.prompting.base import SegPrompts

SIZE = (10, 10)


def box(top: int, left: int, bottom: int, right: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def target(phrase: str, mask: np.ndarray | None) -> Target:
    return Target(phrase, None if mask is None else masks.encode(mask))


def segment(phrase: str, mask: np.ndarray | None, score: float = 0.9, size: tuple[int, int] = SIZE) -> Segment:
    """What was drawn of a phrase; without a mask it is rejected, on a picture of ``size``."""
    evidence = SegmentEvidence(np.zeros((2, 2), np.float32), SegPrompts(), torch.zeros(1, 1, 4, 4), "")
    drawn = np.zeros(size, bool) if mask is None else mask
    return Segment(phrase, drawn, 0.0 if mask is None else score, mask is None, evidence)


def turn(*targets: Target, kind: str = "kind", answer: str | None = None) -> Turn:
    words = answer or " ".join(f"{t.phrase} {REJ if t.absent else SEG}" for t in targets)
    return Turn(f"Where is {' and '.join(t.phrase for t in targets)}?", words, targets, kind)


def answer(*segments: Segment, text: str | None = None) -> Answer:
    words = text or " ".join(f"{s.phrase} {REJ if s.rejected else SEG}" for s in segments)
    return Answer("?", words, segments, {"total": 0.1})


def predicted(asked: Turn, given: Answer, void: np.ndarray | None = None) -> Prediction:
    """What is kept of an answer to one turn, on a picture of SIZE."""
    sample = Sample(
        "a", lambda: np.zeros((*SIZE, 3), np.uint8), SIZE, (asked,), None if void is None else masks.encode(void)
    )
    return Prediction.of(sample, 0, given)


class Reader:
    """Answers from the truth of samples, after ``spoil`` has had its way with each segment.

    Attributes:
        batches: the questions that were asked together.
        asks: everything asked, in order.
        image: the chosen picture.
    """

    def __init__(self, samples: Sequence[Sample], spoil: Callable[[Segment], Segment] = lambda s: s) -> None:
        self.turns: dict[tuple[bytes | None, str], Turn] = {}
        for sample in samples:
            for turn in sample.turns:
                self.turns[sample.load().tobytes(), turn.question] = turn
                self.turns.setdefault((None, turn.question), turn)  # for pictures that are shown grey
        self.spoil = spoil
        self.batches: list[list[str]] = []
        self.asks: list[Ask] = []
        self.image: np.ndarray | None = None

    def set_image(self, image: np.ndarray) -> None:
        self.image = image

    def forget(self) -> None:
        self.image = None

    def ask_all(self, asks: Sequence[Ask]) -> list[Answer]:
        self.batches.append([ask.question for ask in asks])
        self.asks += asks
        return [self.answer(ask) for ask in asks]

    def answer(self, ask: Ask) -> Answer:
        true = self.turns.get((ask.image.tobytes(), ask.question)) or self.turns[None, ask.question]
        self.image, size, segments = ask.image, ask.image.shape[:2], []
        for t in true.targets:
            given = segment(t.phrase, None if t.rle is None else masks.decode(t.rle))
            segments.append(self.spoil(replace(given, mask=np.zeros(size, bool)) if given.rejected else given))
        return Answer(ask.question, true.answer, tuple(segments), {"total": 0.1})

    def refine(self, segment: Segment, points: np.ndarray, labels: np.ndarray) -> Segment:
        """Sets or clears the clicked half of the picture's columns."""
        mask, x = segment.mask.copy(), int(points[0, 0])
        half = mask.shape[1] // 2
        mask[:, slice(0, half) if x < half else slice(half, None)] = bool(labels[0])
        return replace(segment, mask=mask)
