"""From a prediction and its truth to counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from data import masks
from data.sample import RLE, Target
from eval import metrics
from eval.metrics import Counts
from eval.predictions import Given, Prediction, Truth


class Named(Protocol):
    """A mark with the words that name it."""

    @property
    def phrase(self) -> str: ...


N = TypeVar("N", bound=Named)


@dataclass(frozen=True)
class Scored:
    """A prediction and its counts."""

    prediction: Prediction
    counts: Counts


def count(prediction: Prediction, truth: Truth | None = None, hidden: bool = False) -> Counts:
    """Compare a prediction with the truth.

    Args:
        prediction: of one question. One that failed counts as if all its targets had been missed.
        truth: the true answer; the prediction's own if None.
        hidden: where there is something to find, count the masks that rejections hide, as the published teacher-forced
            evaluation does; else what is rejected has no mask.

    Raises:
        ValueError: there is no truth, or a mask is of another size than the picture.
    """
    truth = truth or prediction.truth
    if truth is None:
        raise ValueError(f"{prediction.id}: no truth to compare with: name the benchmark and the root of its data")
    failed = prediction.error is not None
    given = () if failed else prediction.given
    if not truth.targets:
        right = not failed and not given and metrics.same_words(prediction.answer, truth.answer)
        return Counts(prediction.id, prediction.kind, 0, 0, True, 0, words=right)
    kept = [one.rle or one.hidden if hidden and not all(t.absent for t in truth.targets) else one.rle for one in given]
    drawn = [_mask(rle, prediction) for rle in kept if rle is not None]
    true = [_mask(target.rle, prediction) for target in truth.targets if target.rle is not None]
    void = None if truth.void is None else _mask(truth.void, prediction)
    intersection, union = metrics.overlap(
        metrics.united(drawn, prediction.size), metrics.united(true, prediction.size), void
    )
    present, absent = [], []
    for target, one in zip(truth.targets, pair(truth.targets, given), strict=True):
        shown = one is not None and _shown(one)
        if target.absent:
            absent.append(not shown and not failed)
        else:
            present.append(shown)
    pairs = metrics.match(drawn, true, void)
    matched = {i: iou for i, _, iou in pairs}
    return Counts(
        id=prediction.id,
        kind=prediction.kind,
        intersection=intersection,
        union=union,
        empty=not true,
        targets=len(truth.targets),
        present=tuple(present),
        absent=tuple(absent),
        drawn=any(_shown(one) for one in given),
        matched=tuple(matched.get(i, 0.0) for i in range(len(drawn))),
        pairs=_pairs(drawn, true, void, [(i, j) for i, j, _ in pairs]),
        failed=failed,
    )


def pair(targets: Sequence[Target], given: Sequence[N]) -> list[N | None]:
    """Which mark answers which target: the same phrase first, then what is left in order."""
    left = list(given)
    found: dict[int, N] = {}
    for index, target in enumerate(targets):
        same = next((one for one in left if one.phrase.lower() == target.phrase.lower()), None)
        if same is not None:
            found[index] = same
            left = [one for one in left if one is not same]
    for index in range(len(targets)):
        if index not in found and left:
            found[index] = left.pop(0)
    return [found.get(index) for index in range(len(targets))]


def _shown(one: Given) -> bool:
    return one.rle is not None and masks.area(one.rle) > 0


def _pairs(
    drawn: Sequence[np.ndarray], true: Sequence[np.ndarray], void: np.ndarray | None, matched: list[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """Pixels of what is matched, and then of what is left of either side, which shares none."""
    left = [mask for i, mask in enumerate(drawn) if i not in {i for i, _ in matched}]
    left += [mask for j, mask in enumerate(true) if j not in {j for _, j in matched}]
    alone = [(0, metrics.overlap(mask, mask, void)[1]) for mask in left]
    return (*(metrics.overlap(drawn[i], true[j], void) for i, j in matched), *alone)


def _mask(rle: RLE, prediction: Prediction) -> np.ndarray:
    mask = masks.decode(rle)
    if mask.shape != tuple(prediction.size):
        raise ValueError(f"{prediction.id}: a mask is {mask.shape}, and the picture {prediction.size} (height, width)")
    return mask
