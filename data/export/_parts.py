"""Parts of things. The world draws none, so they are cut from the masks by height, as a share from the top."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Cuts = Mapping[str, Mapping[str, tuple[float, float]]]
"""kind -> part -> from where to where, shares of the height from the top."""


def cut(mask: NDArray[np.bool_], begin: float, end: float) -> NDArray[np.bool_]:
    """``(H, W)`` bool: the rows of a mask between two shares of its height."""
    rows = np.flatnonzero(mask.any(axis=1))
    top, height = int(rows[0]), int(rows[-1]) + 1 - int(rows[0])
    made = np.zeros_like(mask)
    here = slice(top + round(begin * height), top + round(end * height))
    made[here] = mask[here]
    return made


def box(mask: NDArray[np.bool_]) -> list[float]:
    """``[left, top, width, height]`` of a mask that has a pixel."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    sides = columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]
    return [float(side) for side in sides]
