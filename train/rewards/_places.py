"""Boxes and points of an answer against the true ones, one to one, as Seg-Zero and VisionReasoner reward them.

Sources: Seg-Zero (Liu et al. 2025, arXiv 2503.06520, section 3.3), VisionReasoner (Liu et al. 2025, arXiv 2505.12081;
github.com/JIA-Lab-research/Seg-Zero, verl/utils/reward_score/vision_reasoner.py). Distances are in pixels of the
picture stretched to 840 x 840, which those models see. A box counts from edge to edge here, and there from the first
pixel to the last; that is a pixel of 840.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.optimize import linear_sum_assignment

from data.geometry import Frame
from train.rewards.base import Answered

SIDE = 840
IOU = 0.5  # a box of a larger one is right
L1 = 10.0  # and one whose sides are on the average less than so many pixels away
NEAR, NEAR_OF_TWO = 30.0, 100.0  # a point less than so many pixels away; of two points on the average (Seg-Zero)


@dataclass(frozen=True)
class Places:
    """What is right of each pair of a mark and the target that it is matched with: ``iou``, ``l1`` and ``near``, each
    0 or 1."""

    iou: tuple[float, ...]
    l1: tuple[float, ...]
    near: tuple[float, ...]


def share(answered: Answered, right: tuple[float, ...]) -> float:
    """What is right, and 1 for each absent target that is rejected, divided by the number of marks or of targets,
    whichever is larger; 1 where nothing was to be marked and nothing was."""
    most = max(len(answered.marks), len(answered.turn.targets))
    return (sum(right) + answered.rejections) / most if most else 1.0


def matched(answered: Answered) -> Places:
    """The pairs whose sum of all three is largest (Hungarian)."""
    given = [mark for mark in answered.marks if mark.mask is not None]
    there = [mask for mask in answered.truth if mask is not None and mask.any()]
    if not given or not there:
        return Places((), (), ())
    frame = Frame.stretch((there[0].shape[0], there[0].shape[1]), (SIDE, SIDE))
    tables = np.zeros((3, len(given), len(there)))
    for j, mask in enumerate(there):
        true, centres = box_of(mask, frame), centres_of(mask)
        for i, mark in enumerate(given):
            if mark.box is None:
                continue
            points = frame.points(np.array(mark.points)) if mark.points else np.zeros((0, 2))
            box = frame.points(np.array(mark.box).reshape(2, 2)).ravel()
            tables[0, i, j] = iou(box, true) > IOU
            tables[1, i, j] = np.abs(box - true).mean() < L1
            tables[2, i, j] = near(points, box, frame.points(centres))
    rows, columns = linear_sum_assignment(tables.sum(axis=0), maximize=True)
    first, second, third = (tuple(table[rows, columns].tolist()) for table in tables)
    return Places(first, second, third)


def box_of(mask: np.ndarray, frame: Frame) -> np.ndarray:
    """``(4,)`` XYXY of a mask ``(H, W)`` that is not empty, from edge to edge, in the frame's target."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corners = np.array([[columns[0], rows[0]], [columns[-1], rows[-1]]], dtype=np.float64)
    return np.asarray(frame.points(corners + [[-0.5], [0.5]]).ravel())


def centres_of(mask: np.ndarray) -> np.ndarray:
    """``(2, 2)`` XY, original pixels: the centre of the largest circle in a mask, and that of the largest one whose
    centre is farther from it than half of the mask's pixels are (the same again where there is none)."""
    depth = distance_transform_edt(mask)
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    rows, columns = np.nonzero(mask)
    away = np.hypot(rows - row, columns - column)
    far = away > np.median(away)
    first = [float(column), float(row)]
    if not far.any():
        return np.array([first, first])
    second = np.where(far, depth[rows, columns], -1).argmax()
    return np.array([first, [float(columns[second]), float(rows[second])]])


def iou(box: np.ndarray, other: np.ndarray) -> float:
    """Of two boxes ``(4,)`` XYXY."""
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    shared = float(np.prod(sides.clip(min=0)))
    return shared / float(np.prod(box[2:] - box[:2]) + np.prod(other[2:] - other[:2]) - shared)


def near(points: np.ndarray, box: np.ndarray, centres: np.ndarray) -> bool:
    """Whether the ``(P, 2)`` points lie in their box ``(4,)``, and near the ``(2, 2)`` true ones: one near the first
    (VisionReasoner); the first two, in the better order, near both (Seg-Zero)."""
    if not len(points) or not ((points >= box[:2]) & (points <= box[2:])).all():
        return False
    if len(points) == 1:
        return float(np.linalg.norm(points[0] - centres[0])) < NEAR
    orders = (centres, centres[::-1])
    return min(float(np.linalg.norm(points[:2] - order, axis=1).mean()) for order in orders) < NEAR_OF_TWO
