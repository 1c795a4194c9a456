"""How far one corrective click mends a poor mask."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from data import masks
from eval import metrics
from eval.run import Asked
from model.predictor import Predictor

BELOW = 0.7  # masks of a lower IoU get a click


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


def correct(predictor: Predictor, asked: Asked, below: float = BELOW) -> list[Corrected]:
    """Give each mask of an answer that has less than ``below`` IoU with its true one a click, and measure again."""
    segments = [segment for segment in asked.answer.segments if not segment.rejected]
    truth = [masks.decode(target.rle) for target in asked.turn.targets if target.rle is not None]
    done = []
    for i, j, before in metrics.match([segment.mask for segment in segments], truth):
        if before < below:
            better = predictor.refine(segments[i], *click(segments[i].mask, truth[j]))
            intersection, union = metrics.overlap(better.mask, truth[j])
            done.append(Corrected(before, intersection / union))
    return done
