"""How far one corrective click mends a poor mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage

from data import masks
from data.sample import RLE, Target
from eval import metrics
from model.answer import Answer, Segment

BELOW = 0.7  # masks of a lower IoU get a click


class Refiner(Protocol):
    """What corrects a mask by clicks: :class:`model.predictor.Predictor`, or a stand-in."""

    def refine(self, segment: Segment, points: np.ndarray, labels: np.ndarray) -> Segment: ...


@dataclass(frozen=True)
class Corrected:
    """IoU of one mask before and after one click."""

    before: float
    after: float


def click(mask: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a person would click: the point deepest inside the largest error (Sofiiuk et al. 2021; SAM's own protocol).

    Args:
        mask, truth: ``(H, W)`` bool.

    Returns:
        ``(1, 2)`` float32 XY in the masks' pixels, and ``(1,)`` int64: 1 on a missed part, 0 on a wrong one.
    """
    best: tuple[float, int, tuple[int, int]] = (-1.0, 1, (0, 0))
    for label, error in ((1, truth & ~mask), (0, mask & ~truth)):
        depth = ndimage.distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        best = max(best, (float(depth[y, x]), label, (int(x), int(y))))
    return np.array([best[2]], dtype=np.float32), np.array([best[1]], dtype=np.int64)


def correct(
    predictor: Refiner, answer: Answer, targets: Sequence[Target], void: RLE | None = None, below: float = BELOW
) -> list[Corrected]:
    """Give each mask of an answer that has less than ``below`` IoU with its true one a click, and measure again.

    Args:
        predictor: the answer's picture is its current one.
        answer: to a question.
        targets: the true ones.
        void: pixels that count neither way and are not clicked on, or None.
        below: this IoU.
    """
    segments = [segment for segment in answer.segments if not segment.rejected]
    truth = [masks.decode(target.rle) for target in targets if target.rle is not None]
    outside = None if void is None else masks.decode(void)
    done = []
    for i, j, before in metrics.match([segment.mask for segment in segments], truth, outside):
        if before < below:
            seen = segments[i].mask if outside is None else np.where(outside, truth[j], segments[i].mask)
            better = predictor.refine(segments[i], *click(seen, truth[j]))
            intersection, union = metrics.overlap(better.mask, truth[j], outside)
            done.append(Corrected(before, intersection / union if union else 1.0))
    return done
