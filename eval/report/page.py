"""The page itself: template, styles, program and data in one file that asks nothing of any network."""

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eval.predictions import Prediction
from eval.report import cards, thumbnail
from eval.report.choice import Row, choose, prediction, score
from eval.report.numbers import facts, numbers, title
from eval.scoring import Scored

NAME = "report.html"
MOST = 1000  # samples on a page
BYTES = 38_000_000  # of a whole page
RICHEST = 120_000  # bytes that a sample takes at most, however few there are
BINS = 20

Pictures = Callable[[str], np.ndarray | None]
Whole = Callable[[Collection[str]], Iterable[Prediction]]


def write(
    path: Path,
    scored: Iterable[Row],
    values: Mapping[str, Any] | None = None,
    pictures: Pictures | None = None,
    most: int = MOST,
    whole: Whole | None = None,
) -> Path:
    """Write the report of an evaluation.

    Args:
        path: the file, or the folder that gets a ``report.html``.
        scored: the questions with their counts; a bare prediction is one whose truth nobody knows.
        values: what ``results.json`` holds: the numbers, and what made them. Without numbers in it there is no table.
        pictures: gives a picture ``(H, W, 3)`` uint8 RGB by :attr:`eval.predictions.Prediction.image`, or None where it
            has none or cannot be read; without it the masks are shown alone.
        most: samples that are shown; of more the worst, the best and some between (:func:`eval.report.choice.choose`).
            The numbers and the distribution are of all.
        whole: gives the whole predictions of these ids, where ``scored`` has their counts alone.

    Returns:
        the file.
    """
    rows = list(scored)
    shown = choose(rows, most)
    if whole is not None:
        full = {one.id: one for one in whole({prediction(row).id for row in shown})}
        shown = [Scored(full[row.counts.id], row.counts) if isinstance(row, Scored) else row for row in shown]
    share = min(RICHEST, BYTES // max(1, len(shown)))
    places: dict[str, int | None] = {}
    uris: list[str] = []
    samples = []
    for row in shown:
        one = prediction(row)
        # A card that says much leaves less for its picture; both together keep to the share.
        made = cards.card(row, None, share * 2 // 3)
        if one.image not in places:
            uri = _picture(one.image, one.size, pictures, share - cards.size(made) - 100)
            places[one.image] = len(uris) if uri else None
            uris += [uri] if uri else []
        samples.append({**made, "picture": places[one.image], "image": one.image[: cards.LONGEST]})
    data = {
        "title": title(values or {}),
        "facts": facts(values or {}),
        "numbers": numbers(values or {}),
        "bins": _bins(rows),
        "total": len(rows),
        "failed": sum(prediction(row).error is not None for row in rows),
        "small": cards.SMALL,
        "large": cards.LARGE,
        "samples": samples,
    }
    file = path / NAME if path.is_dir() else path
    file.write_text(_page(data, uris), encoding="utf-8")
    return file


def _picture(name: str, size: tuple[int, int], pictures: Pictures | None, most: int) -> str:
    """The picture as a data URI; empty where there is none, or one that the masks do not fit on."""
    try:
        image = pictures(name) if pictures is not None else None
    except (ValueError, OSError):  # a picture that is gone must not take the report with it
        return ""
    if image is None or image.shape[:2] != tuple(size):
        return ""
    return thumbnail.picture(image, most)


def _bins(rows: Iterable[Row]) -> list[int]:
    """How many questions with targets lie in each twentieth of IoU; 1 is in the last."""
    counted = [0] * BINS
    for row in rows:
        value = score(row)
        if value is not None and isinstance(row, Scored) and row.counts.words is None:
            counted[min(BINS - 1, int(value * BINS))] += 1
    return counted


def _page(data: Mapping[str, Any], uris: list[str]) -> str:
    """The file. Browsers run no script and use no style but these two, named by their hashes, and load nothing."""
    folder = Path(__file__).parent
    names = ("page.html", "page.css", "drawing.js", "page.js")
    html, style, *programs = ((folder / name).read_text(encoding="utf-8") for name in names)
    program = "".join(programs)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(program)}; "
        "base-uri 'none'; form-action 'none'"
    )
    pictures = "".join(f'<script type="text/plain" id="picture-{n}">{uri}</script>\n' for n, uri in enumerate(uris))
    parts = {"policy": policy, "style": style, "pictures": pictures, "data": _inert(data), "program": program}
    pieces = []
    for piece in html.split("{{"):
        name, closed, rest = piece.partition("}}")
        pieces.append(parts[name] + rest if closed else piece)
    return "".join(pieces)


def _inert(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the script block that holds it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
