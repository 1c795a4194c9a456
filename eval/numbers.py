"""What is reported of a set of questions: each number is a ratio of sums over them, or a mean of such ratios.

So the order of the questions matters to none of them, and a picture's share in each can be drawn again
(:mod:`eval.intervals`).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from eval.metrics import THRESHOLDS, Counts

Term = tuple[float, float]  # what a question adds above and below the line
Per = Literal["all", "reference", "class"]


@dataclass(frozen=True)
class Number:
    """One number of a protocol.

    Attributes:
        name: as it is printed.
        rule: what it is, in words.
        terms: of one question; none where it does not count.
        per: what is summed before the division: "all" questions; those of each "reference", of which the mean is taken,
            so that all references weigh the same however many sentences they have; those of each "class", likewise.
    """

    name: str
    rule: str
    terms: Callable[[Counts], Sequence[Term]]
    per: Per = "all"

    def value(self, rows: Iterable[Counts]) -> float | None:
        """The number of these questions, correctly rounded; None where there is nothing to count."""
        groups: dict[str, list[Term]] = {}
        for row in rows:
            groups.setdefault(self.group(row), []).extend(self.terms(row))
        shares = []
        for name in sorted(groups):
            above, below = (math.fsum(part) for part in zip(*groups[name], strict=True)) if groups[name] else (0, 0)
            if below:
                shares.append(above / below)
        return math.fsum(shares) / len(shares) if shares else None

    def group(self, row: Counts) -> str:
        """What a question's terms are summed with. The id of a reference's question is ``.../REFERENCE/SENTENCE/TURN``;
        a class is the kind of its questions."""
        if self.per == "reference":
            return row.id.rsplit("/", 2)[0]
        return row.kind if self.per == "class" else ""


def _giou(row: Counts) -> list[Term]:
    return [(row.iou, 1)] if row.targets else []


def _ciou(row: Counts) -> list[Term]:
    return [(row.intersection, row.union)] if row.targets else []


def _there(terms: Callable[[Counts], Sequence[Term]]) -> Callable[[Counts], Sequence[Term]]:
    """The same of the questions that have something to find."""
    return lambda row: [] if row.empty else terms(row)


def _n_acc(row: Counts) -> list[Term]:
    return [(right, 1) for right in row.rejected]


def _t_acc(row: Counts) -> list[Term]:
    return [(right, 1) for right in row.found]


def _see(row: Counts) -> list[Term]:
    return _n_acc(row) + _t_acc(row)


def _matched(row: Counts) -> list[Term]:
    return [(inside / union if union else 0.0, 1) for inside, union in row.pairs]


def _marks(threshold: float) -> Callable[[Counts], Sequence[Term]]:
    return lambda row: [(iou >= threshold, 1) for iou in row.matched] if row.targets else []


def _questions(threshold: float) -> Callable[[Counts], Sequence[Term]]:
    return _there(lambda row: [(row.iou >= threshold, 1)] if row.targets else [])


def _words(row: Counts) -> list[Term]:
    return [] if row.words is None else [(row.words, 1)]


GIOU = Number("gIoU", "mean IoU over the questions; of an empty truth 1 if nothing is drawn, else 0", _giou)
CIOU = Number(
    "cIoU",
    "sum of intersections over sum of unions, in pixels; what is drawn for an empty truth adds its area to the unions",
    _ciou,
)
GIOU_THERE = Number("gIoU", "mean IoU over the questions that have a target", _there(_giou))
CIOU_THERE = Number(
    "cIoU",
    "sum of intersections over sum of unions, over the questions that have a target: what is drawn for an empty truth "
    "adds nothing",
    _there(_ciou),
)
N_ACC = Number("N-acc", "of the questions without a target, the share for which nothing is drawn", _n_acc)
T_ACC = Number("T-acc", "of the questions with a target, the share for which something is drawn", _t_acc)
N_ACC_MIXED = Number("N-acc", f"{N_ACC.rule}; a question about both counts by its targets", _n_acc)
T_ACC_MIXED = Number("T-acc", f"{T_ACC.rule}; a question about both counts by its targets", _t_acc)
SEE = Number("See", "share of all questions that are told rightly: drawn if there is a target, not drawn if not", _see)
MATCHED_GIOU = Number(
    "gIoU",
    "mean IoU over the pairs of drawn and true masks with the largest sum of IoUs; each mask too many, drawn or true, "
    "is a pair of IoU 0",
    _matched,
)
MATCHED_CIOU = Number("cIoU", "sum of intersections over sum of unions of the same pairs", lambda row: row.pairs)
WORDS = Number("words", "of the questions answered in words alone, the share answered rightly", _words)
CLASS_IOU = Number(
    "mIoU",
    "mean over the classes of the sum of intersections over the sum of unions, each over the pictures it is asked of",
    _ciou,
    "class",
)


def named(number: Number, name: str) -> Number:
    """The same number under another paper's name."""
    return Number(name, number.rule, number.terms, number.per)


def by_reference(number: Number, name: str) -> Number:
    """The mean over the references of the same number."""
    return Number(name, f"mean over the references of: {number.rule}", number.terms, "reference")


def precision(thresholds: Sequence[float] = THRESHOLDS) -> tuple[Number, ...]:
    """Pr@X: of the questions that have a target, the share whose IoU is at least X."""
    return tuple(
        Number(f"Pr@{t:g}", f"of the questions that have a target, the share of IoU >= {t:g}", _questions(t))
        for t in thresholds
    )


def precision_of_marks(thresholds: Sequence[float] = THRESHOLDS) -> tuple[Number, ...]:
    """Pr@X of each mark's mask, matched with the true ones."""
    return tuple(
        Number(
            f"Pr@{t:g}", f"of the drawn masks, the share of IoU >= {t:g} with the true mask matched to it", _marks(t)
        )
        for t in thresholds
    )
