"""A sample as plain values for the page: nothing here is markup, and the page takes nothing for it."""

import json
from typing import Any

from data import masks
from data.sample import RLE
from eval.predictions import Given, Prediction, Truth
from eval.report import thumbnail
from eval.report.choice import Row, prediction, score
from eval.scoring import Scored, pair

SMALL, LARGE = 0.01, 0.1  # of the picture's area: a target below is small, one above large
LONGEST = 2000  # letters of a text
MOST_MARKS = 64
# Side of the masks in pixels and how many marks keep their map, the best first, until a card fits its share of a page.
STEPS = ((thumbnail.SIDE, MOST_MARKS), (thumbnail.SIDE, 8), (192, 4), (96, 1), (48, 0), (0, 0))


def card(row: Row, picture: int | None, most: int) -> dict[str, Any]:
    """A sample for the page.

    Args:
        row: with its counts if there is a truth.
        picture: number of its picture on the page, or None.
        most: bytes of JSON that it may take; a larger one loses evidence and then detail.
    """
    for side, maps in STEPS:
        made = _card(row, picture, side, maps)
        if size(made) <= most:
            break
    return made


def size(values: object) -> int:
    """Bytes of a value on the page."""
    return len(json.dumps(values, separators=(",", ":")))


def _card(row: Row, picture: int | None, side: int, maps: int) -> dict[str, Any]:
    one = prediction(row)
    counts = row.counts if isinstance(row, Scored) else None
    judged = None if counts is None or counts.failed else counts
    truth = one.truth
    targets = truth.targets[:MOST_MARKS] if truth else ()
    partners = pair(targets, one.given)
    numbers = {id(given): number for number, given in enumerate(partners) if given is not None}
    spare = iter(range(len(targets), len(targets) + len(one.given)))
    ious = iter(counts.matched if counts is not None else ())
    given = []
    for number, mark in enumerate(one.given[:MOST_MARKS]):
        target = numbers.get(id(mark))
        values = _mark(mark, side, number < maps)
        values["colour"] = next(spare) if target is None else target
        if mark.rle is not None:
            values["iou"] = _rounded(next(ious, None))
        given.append(values)
    return {
        "id": _cut(one.id),
        "picture": picture,
        "size": list(one.size),
        "kind": _cut(one.kind),
        "question": _cut(one.question),
        "answer": _cut(one.answer),
        "truth": None if truth is None else _cut(truth.answer),
        "error": None if one.error is None else _cut(one.error),
        "score": _rounded(score(row)),
        "words": None if counts is None else counts.words,
        "area": area(one, truth),
        "missed": judged is not None and not all(judged.found),
        "invented": judged is not None and not all(judged.rejected),
        "targets": [{"phrase": _cut(target.phrase), "mask": _mask(target.rle, side)} for target in targets],
        "given": given,
        "void": _mask(truth.void, side) if truth is not None else None,
        "seconds": one.seconds,
    }


def area(one: Prediction, truth: Truth | None) -> float | None:
    """Share of the picture that the targets cover together; None if there is none to see."""
    if truth is None:
        return None
    found = [target.rle for target in truth.targets if target.rle is not None]
    if not found:
        return None
    height, width = one.size
    return round(masks.area(masks.union(found, one.size)) / (height * width), 5)


def _mark(mark: Given, side: int, evidence: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"phrase": _cut(mark.phrase), "mask": _mask(mark.rle, side), "score": mark.score}
    values["rejected"] = mark.rle is None
    if mark.why is not None:
        values["layers"] = mark.why.layers
        if evidence:
            values.update(map=mark.why.map, grid=mark.why.grid, edges=mark.why.edges, points=mark.why.points)
    return values


def _mask(rle: RLE | None, side: int) -> RLE | None:
    return None if rle is None or side == 0 else thumbnail.mask(rle, side)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
