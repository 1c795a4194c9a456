"""Metrics of answers with masks (design, section 4, "Metrics"): pure functions on masks and counts."""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Counts:
    """One question, counted.

    Attributes:
        id: of the sample and the turn; results are summed in its order.
        kind: the kind of question.
        intersection, union: pixels of the united masks, predicted and true, void in neither.
        empty: nothing that was asked for is in the picture.
        targets: how many were asked for; 0 for a question answered in words alone.
        present: for each target that is in the picture, whether a mask was given for it.
        absent: for each target that is not, whether none was.
        drawn: a mask with a pixel was given.
        matched: IoU of each ``<SEG>``'s mask with the true one that it is matched to (0 for one too many).
        words: for a question answered in words alone, whether they were right; else None.
        failed: there was no answer; it scores nothing, even if nothing was the truth.
        pairs: intersection and union in pixels of each mask and the true one that it is matched to; one too many, drawn
            or true, is a pair with an intersection of 0.
    """

    id: str
    kind: str
    intersection: int
    union: int
    empty: bool
    targets: int
    present: tuple[bool, ...] = ()
    absent: tuple[bool, ...] = ()
    drawn: bool = False
    matched: tuple[float, ...] = ()
    words: bool | None = None
    failed: bool = False
    pairs: tuple[tuple[int, int], ...] = ()

    @property
    def iou(self) -> float:
        """IoU of the united masks; for an empty truth 1 if no pixel was given, else 0."""
        if self.failed:
            return 0.0
        return self.intersection / self.union if self.union else 1.0

    @property
    def found(self) -> tuple[bool, ...]:
        """Of what is there, whether something was drawn: of the question as a whole, and of each target where it also
        asks for what is not there."""
        if not self.present:
            return ()
        return self.present if self.absent else (self.drawn,)

    @property
    def rejected(self) -> tuple[bool, ...]:
        """Of what is not there, whether nothing was drawn, void pixels aside; likewise."""
        if not self.absent:
            return ()
        return self.absent if self.present else (self.union == 0 and not self.failed,)


def overlap(predicted: np.ndarray, true: np.ndarray, void: np.ndarray | None = None) -> tuple[int, int]:
    """Intersection and union in pixels of two ``(H, W)`` bool masks; ``void`` pixels count in neither."""
    inside = np.ones_like(true) if void is None else ~void
    return int((predicted & true & inside).sum()), int(((predicted | true) & inside).sum())


def united(masks: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The union of ``(H, W)`` bool masks; all False for none."""
    return np.logical_or.reduce(list(masks)) if masks else np.zeros(size, dtype=bool)


def match(
    predicted: Sequence[np.ndarray], true: Sequence[np.ndarray], void: np.ndarray | None = None
) -> list[tuple[int, int, float]]:
    """The assignment of predicted to true masks with the largest sum of IoUs (Hungarian); ``void`` pixels count in
    none.

    Returns:
        (index of the predicted, index of the true, IoU) of each pair; the smaller side is used up.
    """
    if not predicted or not true:
        return []
    table = np.zeros((len(predicted), len(true)))
    for i, mine in enumerate(predicted):
        for j, theirs in enumerate(true):
            intersection, union = overlap(mine, theirs, void)
            table[i, j] = intersection / union if union else 1.0
    rows, columns = linear_sum_assignment(table, maximize=True)
    return [(int(i), int(j), float(table[i, j])) for i, j in zip(rows, columns, strict=True)]


def same_words(answer: str, truth: str) -> bool:
    """Whether two answers in words agree: equal but for case, punctuation and white space. The world answers in whole
    sentences of one wording, so a right number or colour in a wrong sentence does not count."""
    return _words(answer) == _words(truth)


def _words(text: str) -> list[str]:
    return text.lower().translate(str.maketrans("", "", string.punctuation)).split()
