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
        _check(counts, rle["size"])
        packed = {"size": rle["size"], "counts": counts.encode("ascii") if isinstance(counts, str) else counts}
        if isinstance(counts, list):
            packed = coco.frPyObjects(packed, *rle["size"])
        return coco.decode(packed).astype(bool)
    except (KeyError, TypeError, ValueError, UnicodeEncodeError, AttributeError) as error:
        raise ValueError(f"not a COCO run-length mask ({error})") from error


def area(rle: RLE) -> int:
    """Number of pixels inside."""
    return int(coco.area({"size": rle["size"], "counts": rle["counts"].encode("ascii")}))


def _check(counts: str | bytes | list[int], size: list[int]) -> None:
    """Refuse runs that do not fill the mask exactly: pycocotools takes too few, and the rest is what memory held."""
    runs = counts if isinstance(counts, list) else _runs(counts.encode("ascii") if isinstance(counts, str) else counts)
    height, width = size
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise ValueError(f"its runs add up to {sum(runs)} pixels, not to {height} x {width}")


def _runs(counts: bytes) -> list[int]:
    """Run lengths of compressed counts: five bits a character, low ones first; from the fourth run on, what it is
    longer than the run two before it (rleFrString of the COCO API)."""
    runs: list[int] = []
    value = shift = 0
    for byte in counts:
        bits = byte - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    if shift:
        raise ValueError("its last run is cut off")
    return runs
