"""Points that lie on the thing itself; ours: the published reward asks for points near its middle."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from train.rewards._places import share
from train.rewards.base import Answered, Mark


def reward(answered: Answered) -> float:
    """The share of a mark's points that lie in the true mask, of the marks and targets that are matched so that the sum
    is largest (Hungarian), and 1 for absent targets that are rejected."""
    given = [mark for mark in answered.marks if mark.mask is not None]
    there = [mask for mask in answered.truth if mask is not None]
    if not given or not there:
        return share(answered, ())
    table = np.array([[inside(mark, mask) for mask in there] for mark in given])
    rows, columns = linear_sum_assignment(table, maximize=True)
    return share(answered, tuple(table[rows, columns].tolist()))


def inside(mark: Mark, mask: np.ndarray) -> float:
    """The share of a mark's points that fall on a pixel of a mask ``(H, W)``; 0 for none."""
    height, width = mask.shape
    at = [(round(x), round(y)) for x, y in mark.points]
    found = [0 <= x < width and 0 <= y < height and bool(mask[y, x]) for x, y in at]
    return sum(found) / len(found) if found else 0.0
