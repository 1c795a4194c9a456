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
    """Draw masks over a picture: a translucent fill, a coloured line round it and a thin white one round that.

    Args:
        image: ``(H, W, 3)`` uint8 RGB; it is not changed.
        masks: each ``(H, W)`` bool; a later one lies on top.
        alpha: of the fill, 0 to 1.
        outline: width of the coloured line, pixels; 0 for none.
        colours: one a mask; the palette in turn if None.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    drawn = image.copy()
    for number, mask in enumerate(masks):
        if not mask.any():
            continue
        ink = np.array(colours[number] if colours is not None else colour(number), dtype=np.uint8)
        window = _window(mask, outline + 1)  # the lines are found near the mask alone: pictures may be large
        part, inside = drawn[window], mask[window]
        part[inside] = ((1 - alpha) * part[inside] + alpha * ink.astype(np.float32)).round().astype(np.uint8)
        if outline > 0:
            rim, halo = _lines(inside, outline)
            part[halo] = 255
            part[rim] = ink
    return drawn


def layer(mask: np.ndarray, ink: tuple[int, int, int], alpha: float = 0.45, outline: int = 2) -> np.ndarray:
    """A mask by itself as :func:`overlay` draws it, to lie on a picture: ``(H, W, 4)`` uint8 RGBA."""
    drawn = np.zeros((*mask.shape, 4), dtype=np.uint8)
    if not mask.any():
        return drawn
    window = _window(mask, outline + 1)
    part, inside = drawn[window], mask[window]
    part[inside] = (*ink, round(255 * alpha))
    if outline > 0:
        rim, halo = _lines(inside, outline)
        part[halo] = 255
        part[rim] = (*ink, 255)
    return drawn


def _lines(inside: np.ndarray, outline: int) -> tuple[np.ndarray, np.ndarray]:
    """The coloured line round a mask, and the thin one round that."""
    rim = ndimage.binary_dilation(inside, iterations=outline) & ~ndimage.binary_erosion(inside)
    return rim, ndimage.binary_dilation(rim) & ~rim & ~inside


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The rows and columns of a mask with a margin, clipped at the picture's edge."""
    sides = []
    for axis, size in enumerate(mask.shape):
        used = np.flatnonzero(mask.any(axis=1 - axis))
        sides.append(slice(max(0, int(used[0]) - margin), min(size, int(used[-1]) + 1 + margin)))
    return sides[0], sides[1]
