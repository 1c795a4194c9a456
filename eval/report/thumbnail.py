"""Pictures and masks small enough that a thousand of them fit into one page."""

import base64
import io

import numpy as np
from PIL import Image

from data import masks
from data.sample import RLE

SIDE = 384  # of a mask on the page, pixels
# Longest side and WebP quality, the best first.
LADDER = ((480, 75), (384, 65), (384, 40), (288, 35), (192, 30), (96, 20))


def picture(image: np.ndarray, most: int) -> str:
    """A picture ``(H, W, 3)`` uint8 RGB as the data URI of a WebP of at most ``most`` characters; empty if not even the
    smallest fits."""
    for side, quality in LADDER:
        small = Image.fromarray(image)
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, "WEBP", quality=quality, method=3)
        uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
        if len(uri) <= most:
            return uri
    return ""


def mask(rle: RLE, side: int = SIDE) -> RLE:
    """A mask as it is, or so small that its longer side is ``side`` pixels: then a pixel is inside if half of what it
    shows is, and a mask too thin for that keeps every pixel that it touches."""
    height, width = rle["size"]
    longest = max(height, width)
    if longest <= side:
        return rle
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    share = np.asarray(
        Image.fromarray(masks.decode(rle).astype(np.uint8) * 255).resize(size, Image.Resampling.BOX), dtype=np.uint8
    )
    half = share >= 128
    return masks.encode(half if half.any() else share > 0)
