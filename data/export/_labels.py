"""Label maps: each thing of a scene painted with the value of its class."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from data.export.base import Drawn


def label_map(scene: Drawn, values: Mapping[str, int], void: int) -> NDArray[np.uint8]:
    """``(H, W)`` uint8.

    Args:
        scene: as it shows.
        values: kind of thing -> value of its class.
        void: value of the backdrop, and of things that no class has.
    """
    made = np.full(scene.image.shape[:2], void, dtype=np.uint8)
    for thing, mask in zip(scene.view.things, scene.view.masks, strict=True):
        made[mask] = values.get(thing.kind, void)
    return made
