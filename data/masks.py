"""Masks as run lengths, polygons and PNG: thin adapters over pycocotools."""

import numpy as np
from pycocotools import mask as coco

from data.sample import RLE


def encode(mask: np.ndarray) -> RLE:
    """``(H, W)`` bool -> COCO RLE with compressed counts as a string."""
    made = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in made["size"]], "counts": made["counts"].decode("ascii")}


def decode(rle: RLE) -> np.ndarray:
    """COCO RLE -> ``(H, W)`` bool.

    Raises:
        ValueError: the run lengths do not add up to the size, or are none at all.
    """
    try:
        counts = rle["counts"]
        packed = {"size": rle["size"], "counts": counts.encode("ascii") if isinstance(counts, str) else counts}
        if isinstance(counts, list):
            packed = coco.frPyObjects(packed, *rle["size"])
        return coco.decode(packed).astype(bool)
    except (KeyError, TypeError, ValueError, UnicodeEncodeError, AttributeError) as error:
        raise ValueError(f"not a COCO run-length mask ({error})") from error


def area(rle: RLE) -> int:
    """Number of pixels inside."""
    return int(coco.area({"size": rle["size"], "counts": rle["counts"].encode("ascii")}))
