"""Answers written by hand, and a predictor that reads them off the truth."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from data import masks
from data.sample import REJ, SEG, Sample, Target, Turn
from model.answer import Answer, Segment, SegmentEvidence
from model.prompting.base import SegPrompts

SIZE = (10, 10)


def box(top: int, left: int, bottom: int, right: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def target(phrase: str, mask: np.ndarray | None) -> Target:
    return Target(phrase, None if mask is None else masks.encode(mask))


def segment(phrase: str, mask: np.ndarray | None) -> Segment:
    evidence = SegmentEvidence(np.zeros((2, 2), np.float32), SegPrompts(), torch.zeros(1, 1, 4, 4), "")
    drawn = np.zeros(SIZE, bool) if mask is None else mask
    return Segment(phrase, drawn, 0.0 if mask is None else 0.9, mask is None, evidence)


def turn(*targets: Target, kind: str = "kind", answer: str | None = None) -> Turn:
    words = answer or " ".join(f"{t.phrase} {REJ if t.absent else SEG}" for t in targets)
    return Turn(f"Where is {' and '.join(t.phrase for t in targets)}?", words, targets, kind)


def answer(*segments: Segment, text: str | None = None) -> Answer:
    words = text or " ".join(f"{s.phrase} {REJ if s.rejected else SEG}" for s in segments)
    return Answer("?", words, segments, {"total": 0.1})


class Reader:
    """Answers from the truth of samples, after ``spoil`` has had its way with each segment."""

    def __init__(self, samples: Sequence[Sample], spoil: Callable[[Segment], Segment] = lambda s: s) -> None:
        self.turns = {(sample.id, turn.question): turn for sample in samples for turn in sample.turns}
        self.spoil, self.images, self.histories = spoil, [], []
        self.order = [sample.id for sample in samples]

    def set_image(self, image: np.ndarray) -> None:
        self.images.append(image)

    def ask(self, question: str, history: Sequence[tuple[str, str]] = ()) -> Answer:
        self.histories.append(list(history))
        true = self.turns[self.order[len(self.images) - 1], question]
        size = self.images[-1].shape[:2]
        segments = []
        for t in true.targets:
            given = segment(t.phrase, None if t.rle is None else masks.decode(t.rle))
            segments.append(self.spoil(replace(given, mask=np.zeros(size, bool)) if given.rejected else given))
        return Answer(question, true.answer, tuple(segments), {"total": 0.1})

    def refine(self, segment: Segment, points: np.ndarray, labels: np.ndarray) -> Segment:
        """Sets or clears the clicked half of the picture's columns."""
        mask, x = segment.mask.copy(), int(points[0, 0])
        half = mask.shape[1] // 2
        mask[:, slice(0, half) if x < half else slice(half, None)] = bool(labels[0])
        return replace(segment, mask=mask)
