"""Masks on a picture."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

# Okabe and Ito (2008), told apart by colour-blind eyes; black is left out, it hides outlines.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def colour(number: int) -> tuple[int, int, int]:
    """The colour of the mask of that number."""
    return PALETTE[number % len(PALETTE)]


def overlay(
    image: np.ndarray,
    masks: Sequence[np.ndarray],
    alpha: float = 0.45,
    outline: int = 2,
    colours: Sequence[tuple[int, int, int]] | None = None,
) -> np.ndarray:
    """Draw masks over a picture: a translucent fill, a white line and a coloured one round it.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        masks: each ``(H, W)`` bool; a later one lies on top.
        alpha: of the fill, 0 to 1.
        outline: width of the coloured line, pixels.
        colours: one a mask; the palette in turn if None.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    drawn = image.astype(np.float32)
    for number, mask in enumerate(masks):
        if not mask.any():
            continue
        ink = np.array(colours[number] if colours is not None else colour(number), dtype=np.float32)
        drawn[mask] = (1 - alpha) * drawn[mask] + alpha * ink
        if outline > 0:
            rim = ndimage.binary_dilation(mask, iterations=outline) & ~ndimage.binary_erosion(mask)
            halo = ndimage.binary_dilation(rim, iterations=1) & ~rim & ~mask
            drawn[halo] = 255
            drawn[rim] = ink
    return drawn.round().astype(np.uint8)
