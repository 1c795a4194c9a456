"""The work behind ``pinpoint data``: check a tree of datasets, show samples of it, write out what is read."""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.export import writing
from data import datasets, masks
from data.check import Fault, Remark, Report
from data.datasets.base import Dataset, Picture, Query
from data.drawing import colour, overlay
from data.overlaps import Overlap

FONTS = ("NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "LiberationSans-Regular.ttf")
GREY = (128, 128, 128)  # of pixels that count neither way
MOST_LINES = 10  # of one kind of fault in one split; --json has all of them
MOST_OTHERS = 4  # of the sets that share a split's pictures; --json has all of them
LEAST_WIDTH = 480  # of a drawn sample: narrower ones leave no room for words


def report_text(report: Report, width: int | None = None) -> str:
    """A table of what there is, then the faults, alike ones together, and the remarks by split.

    Args:
        report: of the check.
        width: columns of the screen: longer lines are broken, and sizes are left out where they have no room; None
            breaks nothing, for a file or a pipe.
    """
    lines = _table(report, width)
    lines += _faults(report.faults) or ["", "nothing is wrong"]
    lines += _remarks(report.remarks)
    return "\n".join(part for line in lines for part in _fitted(line, width))


def _table(report: Report, width: int | None) -> list[str]:
    head = ("dataset", "split", "pictures", "samples", "targets", "empties", "width x height: least, median, most")
    rows: list[tuple[str, ...]] = [head]
    for part in report.parts:
        numbers = (f"{number:,}" for number in (part.pictures, part.samples, part.targets, part.empties))
        sizes = ", ".join(f"{width} x {height}" for height, width in part.sizes.values())
        rows.append((part.dataset, part.split, *numbers, sizes or "none could be read"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    if width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        widths = widths[:-1]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if 2 <= n < 6 else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=False))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _faults(faults: tuple[Fault, ...]) -> list[str]:
    if not faults:
        return []
    lines = ["", f"{len(faults):,} fault{'s' * (len(faults) > 1)}"]
    groups: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.dataset, fault.split, fault.kind), []).append(fault)
    for (dataset, split, kind), alike in groups.items():
        where = f"{dataset}/{split}" if split else dataset
        times = f", {len(alike):,} times" if len(alike) > 1 else ""
        lines.append(f"{where}: {kind}{times}: {alike[0].remedy}")
        for fault in alike[:MOST_LINES]:
            beside = f"{fault.file}: " if fault.file and fault.file not in fault.what else ""
            lines.append(f"  {beside}{fault.what}")
        if len(alike) > MOST_LINES:
            lines.append(f"  and {len(alike) - MOST_LINES:,} more: --json has all of them")
    return lines


def _remarks(remarks: tuple[Remark, ...]) -> list[str]:
    """By remedy, a line for each split and what shares its pictures."""
    lines = []
    for remedy in dict.fromkeys(remark.remedy for remark in remarks):
        lines += ["", f"shared pictures: {remedy}"]
        shared: dict[tuple[str, str], list[Overlap]] = {}
        for remark in remarks:
            if remark.remedy == remedy:
                overlap = remark.overlap
                shared.setdefault((overlap.dataset, overlap.split), []).append(overlap)
        for (dataset, split), found in shared.items():
            others = [f"{one.count:,} in {one.other}/{one.other_split}" for one in found]
            more = f", and in {len(others) - MOST_OTHERS} more (--json)" if len(others) > MOST_OTHERS else ""
            example = found[0].examples[0].rpartition("/")[2]
            pictures = f"{found[0].pictures:,} picture{'s' * (found[0].pictures != 1)}"
            shown = ", ".join(others[:MOST_OTHERS])
            lines.append(f"  {dataset}/{split}, {pictures}: {shown}{more}; such as {example}")
    return lines


def _fitted(line: str, width: int | None) -> list[str]:
    """A line in parts of that width, those after the first further in; words and paths stay whole."""
    if width is None or len(line) <= width:
        return [line]
    begin = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(line, width, subsequent_indent=f"{begin}    ", break_long_words=False, break_on_hyphens=False)


def dump(root: Path, dataset: str, split: str, out: Path | None) -> int:
    """Write every sample as a line of JSON, to standard output or a file; returns how many.

    Raises:
        ValueError: a sample is wrong, or the file cannot be written; a file is there whole or not at all.
    """
    opened = datasets.open_dataset(root, dataset, split)
    count = 0
    with _writer(out) as file:
        for picture, queries in opened:
            for query in queries:
                file.write(json.dumps(as_json(picture, query), ensure_ascii=False) + "\n")
                count += 1
    return count


def as_json(picture: Picture, query: Query) -> dict[str, Any]:
    """``id``, ``image`` (the path in the tree), ``size`` ``[H, W]``, ``text``, ``kind`` and ``targets``: each
    ``phrase``, ``empty`` and ``rle`` (COCO, null when empty). ``void``, ``answer``, ``correction`` and ``earlier``
    where there is one."""
    values: dict[str, Any] = {
        "id": query.id,
        "image": picture.name,
        "size": list(_size(picture, query)),
        "text": query.text,
        "kind": query.kind,
        "targets": [{"phrase": one.phrase, "empty": one.absent, "rle": one.rle} for one in query.targets],
    }
    more = {"void": query.void, "answer": query.answer, "correction": query.correction, "earlier": query.earlier}
    return values | {name: value for name, value in more.items() if value not in (None, ())}


def show(root: Path, dataset: str, split: str, count: int, out: Path) -> list[Path]:
    """Draw samples from all over a split, each with its words above and its masks on it; returns the files.

    Raises:
        ValueError: a sample is wrong, or the folder cannot be written.
    """
    opened = datasets.open_dataset(root, dataset, split)
    files = []
    with writing(out):
        for number, (picture, query) in enumerate(_spread(opened, count), start=1):
            files.append(out / f"{number:03d}-{re.sub(r'[^A-Za-z0-9+-]+', '-', query.id)[-80:]}.png")
            Image.fromarray(_drawn(picture, query)).save(files[-1])
    return files


def _spread(opened: Dataset, count: int) -> Iterator[tuple[Picture, Query]]:
    """Up to ``count`` samples, from pictures at even distances; more than one of a picture where there are few."""
    chosen = min(count, len(opened))
    for turn in range(chosen):
        index = turn * len(opened) // chosen
        share = count // chosen + (turn < count % chosen)
        for query in opened.queries(index)[:share]:
            yield opened.picture(index), query


def _drawn(picture: Picture, query: Query) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB: the words on white, below them the picture with its masks."""
    image = picture.load()
    found = [masks.decode(target.rle) for target in query.targets if target.rle is not None]
    shown = image if query.void is None else overlay(image, [masks.decode(query.void)], outline=0, colours=[GREY])
    shown = overlay(shown, found)
    lines = [(query.text, (0, 0, 0))]
    numbers = iter(range(len(found)))
    for target in query.targets:
        if target.rle is None:
            lines.append((f"{target.phrase}: not here", (90, 90, 90)))
        else:
            lines.append((target.phrase, colour(next(numbers))))
    if query.answer:
        lines.append((f"answer: {query.answer}", (0, 0, 0)))
    if query.correction:
        lines.append((f"rather: {query.correction}", (0, 0, 0)))
    return _captioned(shown, lines)


def _captioned(image: np.ndarray, lines: list[tuple[str, tuple[int, int, int]]]) -> np.ndarray:
    """Lines of words in their colours above a picture, broken where they are too long."""
    font = _font(15)
    height, width = image.shape[:2]
    room = max(width, LEAST_WIDTH)
    broken = [(part, ink) for text, ink in lines for part in _broken(text, font, room - 36)]
    top = 20 * len(broken) + 12
    page = Image.new("RGB", (room, height + top), "white")
    page.paste(Image.fromarray(image), ((room - width) // 2, top))
    pen = ImageDraw.Draw(page)
    for number, (text, ink) in enumerate(broken):
        y = 6 + 20 * number
        if ink in (colour(n) for n in range(7)):  # a patch: coloured words are hard to read on white
            pen.rectangle((8, y + 3, 20, y + 15), fill=ink)
        pen.text((26, y), text, fill=(0, 0, 0), font=font)
    return np.array(page)


def _font(size: int) -> Any:
    """A font of many scripts, if the machine has one; Pillow's own knows little beyond English."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _broken(text: str, font: Any, room: int) -> list[str]:
    """A text in lines that fit, broken between words."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > room:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def _size(picture: Picture, query: Query) -> tuple[int, int]:
    """(H, W), from the annotations or a mask if they say it, else from the picture."""
    if picture.size is not None:
        return picture.size
    for rle in (query.void, *(target.rle for target in query.targets)):
        if rle is not None:
            return rle["size"][0], rle["size"][1]
    height, width = picture.load().shape[:2]
    return height, width


@contextmanager
def _writer(out: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that takes its name when it is whole."""
    if out is None:
        yield sys.stdout
        return
    if out.is_dir():
        raise ValueError(f"{out} is a folder: name a file in it")
    part = out.with_name(f"{out.name}.part")
    with writing(out.parent):
        try:
            with part.open("w", encoding="utf-8") as file:
                yield file
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
