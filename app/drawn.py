"""Pictures for a page: at a size that it shows well whatever their own, with masks on them, packed for the browser."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from data.drawing import overlay

LEAST, MOST = 768, 1280  # pixels of the longer side: smaller pictures are enlarged, larger ones made smaller
GREY = (128, 128, 128)  # of pixels that count neither way
PAPER = 96  # level of grey where there is no picture


def drawn(
    image: np.ndarray | None,
    size: tuple[int, int],
    masks: Sequence[np.ndarray],
    colours: Sequence[tuple[int, int, int]],
    void: np.ndarray | None = None,
) -> np.ndarray:
    """Draw masks on a picture, ``(H, W, 3)`` uint8 RGB.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, or None: then the masks are drawn on grey.
        size: ``(H, W)`` of the masks; a picture of another size is left out.
        masks: ``(H, W)`` bool each.
        colours: one for each.
        void: pixels that count neither way, drawn grey.
    """
    if image is None or image.shape[:2] != tuple(size):
        image = np.full((*size, 3), PAPER, np.uint8)
    shown, smooth = fitted(image, [*masks, *([] if void is None else [void])])
    if void is not None:
        shown = overlay(shown, [smooth.pop()], outline=0, colours=[GREY])
    return overlay(shown, smooth, outline=3, colours=list(colours))


def fitted(image: np.ndarray, masks: Sequence[np.ndarray] = ()) -> tuple[np.ndarray, list[np.ndarray]]:
    """A picture and its masks at a size that suits a screen."""
    height, width = image.shape[:2]
    size = fitting(width, height, LEAST, MOST)
    if size == (width, height):
        return image, list(masks)
    smooth = [
        np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BICUBIC)) > 127
        for mask in masks
    ]
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)), smooth


def fitting(one: int, other: int, least: int, most: int) -> tuple[int, int]:
    """The sides of a picture, in the order given, whose longer side is to have from ``least`` to ``most`` pixels."""
    longer = max(one, other)
    factor = min(max(longer, least), most) / longer
    return max(1, round(one * factor)), max(1, round(other * factor))


def packed(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of a picture; ``kind`` is "PNG" or "JPEG"."""
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def data_address(data: bytes, kind: str) -> str:
    """A picture's file as a data address."""
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data).decode('ascii')}"
