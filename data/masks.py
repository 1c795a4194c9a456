"""Masks as run lengths, polygons and PNG: thin adapters over pycocotools."""

import numpy as np
from pycocotools import mask as coco

from data.notices import is_noticing, notice
from data.sample import RLE

OVER = 1.0  # pixels that a polygon may reach out of its picture: annotators draw to the edge and round
LONGEST = 7  # characters of a run, 35 bits: sums of these stay within 64


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
        return coco.decode(packed).view(bool)
    except (KeyError, TypeError, ValueError, UnicodeEncodeError, AttributeError) as error:
        raise ValueError(f"not a COCO run-length mask ({error})") from error


def area(rle: RLE) -> int:
    """Number of pixels inside."""
    return int(coco.area({"size": rle["size"], "counts": rle["counts"].encode("ascii")}))


def box(rle: RLE) -> list[float]:
    """Left, top, width and height of what is inside, in pixels; zeros for nothing."""
    found = coco.toBbox({"size": rle["size"], "counts": rle["counts"].encode("ascii")})
    return [float(value) for value in found]


def _check(counts: str | bytes | list[int], size: list[int]) -> None:
    """Refuse runs that do not fill the mask exactly: pycocotools takes too few, and the rest is what memory held."""
    height, width = size
    if isinstance(counts, list):
        if not all(isinstance(run, int | np.integer) for run in counts):
            raise ValueError("a run's length is no whole number")
        least, total = min(counts, default=0), sum(counts)
    else:
        runs = _runs(counts.encode("ascii") if isinstance(counts, str) else counts)
        least, total = int(runs.min(initial=0)), int(runs.sum())
    if least < 0 or total != height * width:
        raise ValueError(f"its runs add up to {total} pixels, not to {height} x {width}")


def _runs(counts: bytes) -> np.ndarray:
    """Run lengths of compressed counts ``(R,)`` int64: five bits a character, low ones first; from the fourth run on,
    what it is longer than the run two before it (rleFrString of the COCO API)."""
    bits = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - 48
    (ends,) = np.nonzero(~bits & 32)
    if not len(bits):
        return bits
    if not len(ends) or ends[-1] != len(bits) - 1:
        raise ValueError("its last run is cut off")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LONGEST:
        raise ValueError("one of its runs is longer than any picture")
    place = np.arange(len(bits)) - np.repeat(starts, lengths)
    values = np.add.reduceat((bits & 31) << 5 * place, starts)
    values -= (bits[ends] >> 4 & 1) << 5 * lengths  # negative ones
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def from_polygons(polygons: object, size: tuple[int, int], where: str) -> RLE:
    """The union of polygons, each drawn by pycocotools; an area that two share counts once.

    Args:
        polygons: ``[[x, y, x, y, ...], ...]`` in original pixels.
        size: ``(H, W)``.
        where: in which annotation they stand, for errors.

    Raises:
        ValueError: a polygon has fewer than three points, an odd number of coordinates, one that is no finite number,
            or one far outside the picture (pycocotools takes memory by the length of an outline).
    """
    if not isinstance(polygons, list) or not polygons:
        raise ValueError(f"{where}: its polygons are {polygons!r:.60}")
    height, width = size
    reach = 10 * max(height, width)
    for polygon in polygons:
        if fault := _no_polygon(polygon):
            _told_of_others(polygons, where)
            raise ValueError(f"{where}: {fault}")
        if not all(-reach <= value <= reach for value in polygon):  # false for NaN, too
            _told_of_others(polygons, where)
            raise ValueError(
                f"{where}: a polygon has a point that is no place in or near a picture of {width} x {height}"
            )
        notice_outside(polygon, size, where)
    return _joined(coco.frPyObjects(polygons, height, width))


def check_polygons(segmentation: object, where: str) -> None:
    """Notice what is wrong with polygons whatever the size of their picture, which may not be known; anything else is
    no matter of this one."""
    if isinstance(segmentation, list) and segmentation and isinstance(segmentation[0], list):
        _told_of_others(segmentation, where)


def _told_of_others(polygons: list[object], where: str) -> None:
    """Notice every polygon that is none, before the first one stops the reading."""
    for polygon in polygons:
        if fault := _no_polygon(polygon):
            notice("annotation", f"{where}: {fault}")


def _no_polygon(polygon: object) -> str:
    """Why it is no polygon ``[x, y, x, y, ...]``; "" if it is one."""
    if not isinstance(polygon, list) or not all(type(value) in (int, float) for value in polygon):
        return "a polygon is no list of numbers"
    if len(polygon) % 2:
        return f"a polygon has {len(polygon)} numbers: its last point has no y"
    return f"a polygon of {len(polygon) // 2} points is none" if len(polygon) < 6 else ""


def from_coco(segmentation: object, size: tuple[int, int], where: str) -> RLE:
    """A COCO segmentation: polygons, one RLE, or a list of RLEs, whose counts may be compressed or not; the union.

    Raises:
        ValueError: it is none of these, or an RLE is not of the picture's size.
    """
    if isinstance(segmentation, list) and segmentation and isinstance(segmentation[0], list):
        return from_polygons(segmentation, size, where)
    made = []
    for part in segmentation if isinstance(segmentation, list) and segmentation else [segmentation]:
        if not isinstance(part, dict):
            raise ValueError(f"{where}: its segmentation is neither polygons nor a run-length mask")
        if part.get("size") not in (list(size), tuple(size)):
            raise ValueError(f"{where}: a run-length mask of size {part.get('size')} for a picture of {list(size)}")
        try:
            made.append(encode(decode(part)))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    return union(made, size)


def union(rles: list[RLE], size: tuple[int, int]) -> RLE:
    """The union of masks of one size; empty for none."""
    if not rles:
        return encode(np.zeros(size, dtype=bool))
    return _joined([{"size": rle["size"], "counts": rle["counts"].encode("ascii")} for rle in rles])


def notice_outside(polygon: list[float], size: tuple[int, int], where: str) -> None:
    """Notice (:mod:`data.notices`) that a polygon ``[x, y, x, y, ...]`` leaves its picture."""
    if not is_noticing():
        return
    height, width = size
    across, down = polygon[0::2], polygon[1::2]
    over = max(-min(across), max(across) - width, -min(down), max(down) - height)
    if over > OVER:
        line = f"{where}: a polygon reaches {over:.0f} pixels out of the picture of {width} x {height}"
        notice("polygon outside", line)


def _joined(parts: list[RLE]) -> RLE:
    made = coco.merge(parts)
    return {"size": [int(side) for side in made["size"]], "counts": made["counts"].decode("ascii")}
