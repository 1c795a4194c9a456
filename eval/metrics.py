"""Metrics of answers with masks (design, section 4, "Metrics"): pure functions on masks and counts."""

import string
from collections.abc import Iterable, Sequence
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
        matched: IoU of each ``<SEG>``'s mask with the true one that it is matched to (0 for one too many).
        words: for a question answered in words alone, whether they were right; else None.
    """

    id: str
    kind: str
    intersection: int
    union: int
    empty: bool
    targets: int
    present: tuple[bool, ...] = ()
    absent: tuple[bool, ...] = ()
    matched: tuple[float, ...] = ()
    words: bool | None = None

    @property
    def iou(self) -> float:
        """IoU of the united masks; for an empty truth 1 if no pixel was given, else 0."""
        return self.intersection / self.union if self.union else 1.0


def overlap(predicted: np.ndarray, true: np.ndarray, void: np.ndarray | None = None) -> tuple[int, int]:
    """Intersection and union in pixels of two ``(H, W)`` bool masks; ``void`` pixels count in neither."""
    inside = np.ones_like(true) if void is None else ~void
    return int((predicted & true & inside).sum()), int(((predicted | true) & inside).sum())


def united(masks: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The union of ``(H, W)`` bool masks; all False for none."""
    return np.logical_or.reduce(list(masks)) if masks else np.zeros(size, dtype=bool)


def match(predicted: Sequence[np.ndarray], true: Sequence[np.ndarray]) -> list[tuple[int, int, float]]:
    """The assignment of predicted to true masks with the largest sum of IoUs (Hungarian).

    Returns:
        (index of the predicted, index of the true, IoU) of each pair; the smaller side is used up.
    """
    if not predicted or not true:
        return []
    table = np.zeros((len(predicted), len(true)))
    for i, mine in enumerate(predicted):
        for j, theirs in enumerate(true):
            intersection, union = overlap(mine, theirs)
            table[i, j] = intersection / union if union else 1.0
    rows, columns = linear_sum_assignment(table, maximize=True)
    return [(int(i), int(j), float(table[i, j])) for i, j in zip(rows, columns, strict=True)]


def same_words(answer: str, truth: str) -> bool:
    """Whether two answers in words agree: equal but for case, punctuation and white space. The world answers in whole
    sentences of one wording, so a right number or colour in a wrong sentence does not count."""
    return _words(answer) == _words(truth)


def _words(text: str) -> list[str]:
    return text.lower().translate(str.maketrans("", "", string.punctuation)).split()


@dataclass(frozen=True)
class Summary:
    """Numbers of a set of questions; None where there is nothing to count.

    Attributes:
        questions: with targets; the rest is ``worded``.
        giou: mean IoU over the questions.
        ciou: sum of intersections over sum of unions.
        n_acc: of what is absent, the share answered so: whole questions, and single targets of mixed ones.
        t_acc: of what is present, the share for which a mask was given, counted likewise.
        precision: share of the ``<SEG>`` answers whose mask has at least each of THRESHOLDS as its matched IoU.
        words: share of the questions in words that were answered rightly.
    """

    questions: int
    giou: float | None
    ciou: float | None
    n_acc: float | None
    t_acc: float | None
    precision: dict[float, float | None]
    worded: int
    words: float | None


def summarise(rows: Iterable[Counts]) -> Summary:
    """Sum up, in the order of the ids."""
    ordered = sorted(rows, key=lambda row: row.id)
    asked = [row for row in ordered if row.targets]
    worded = [row.words for row in ordered if row.words is not None]
    # A question wholly absent or wholly present counts once, by what was given; a mixed one counts by its targets.
    absent = [answer for row in asked for answer in (row.absent if row.present else (row.union == 0,)) if row.absent]
    present = [
        answer for row in asked if row.present for answer in (row.present if row.absent else (any(row.present),))
    ]
    matched = [iou for row in asked for iou in row.matched]
    unions = sum(row.union for row in asked)
    return Summary(
        questions=len(asked),
        giou=_mean([row.iou for row in asked]),
        ciou=sum(row.intersection for row in asked) / unions if unions else None,
        n_acc=_mean(absent),
        t_acc=_mean(present),
        precision={t: _mean([iou >= t for iou in matched]) for t in THRESHOLDS},
        worded=len(worded),
        words=_mean(worded),
    )


def by_kind(rows: Iterable[Counts]) -> dict[str, Summary]:
    """A summary of each kind of question, by name."""
    groups: dict[str, list[Counts]] = {}
    for row in rows:
        groups.setdefault(row.kind, []).append(row)
    return {kind: summarise(groups[kind]) for kind in sorted(groups)}


def _mean(values: Sequence[float | bool]) -> float | None:
    return float(sum(values) / len(values)) if values else None
