"""Small pictures, as pixels and as files."""

import io

import numpy as np
from PIL import Image


def picture(seed: int = 0, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    """Noise: ``(*size, 3)`` uint8 RGB."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def png(image: np.ndarray) -> bytes:
    """The file of a picture."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG")
    return data.getvalue()


def red(width: int = 30, height: int = 20) -> bytes:
    """The file of a red one."""
    return png(np.full((height, width, 3), (255, 0, 0), np.uint8))
