"""The released checkpoints in words: a table, one by itself, and as JSON."""

import dataclasses
import textwrap
from collections.abc import Iterable
from typing import Any

from model.released import Release, Table, table
from model.released.download import Plan, by_hand, gigabytes

WIDTH = 120
COLUMNS = (("name", 30), ("what it is", 20), ("size", 11), ("licence", 10), ("published", 41))


def as_text(names: Iterable[str] | None = None) -> str:
    """The table of the releases named, or of all: a cell is blank where nothing is known, and ``[1]`` is a source."""
    known = table()
    chosen = [known.releases[name] for name in (names or known.releases)]
    notes: dict[str, int] = {}
    lines = [_line([title for title, _ in COLUMNS]), _line(["-" * width for _, width in COLUMNS])]
    for release in chosen:
        lines += _row(release, notes)
    sources = [_wrapped(f"[{number}] {known.sources[source]}", WIDTH, "    ") for source, number in notes.items()]
    return "\n".join([*lines, *([""] if sources else []), *(line for each in sources for line in each)])


def one(release: Release) -> str:
    """One release: its row, and where it comes from."""
    needs = [part for part in (release.clip, release.sam) if part is not None]
    where = by_hand(release) if release.page else f"https://huggingface.co/{release.repository}"
    if needs and not release.page:
        where += f", with {' and '.join(needs)}"
    return "\n".join([as_text([release.name]), "", *_wrapped(where, WIDTH, "")])


def as_json() -> dict[str, Any]:
    """The whole table as plain values."""
    known: Table = table()
    return dataclasses.asdict(known)


def planned(plan: Plan, missing: int) -> str:
    """What a download would fetch, of ``missing`` bytes."""
    lines = []
    for piece in plan.pieces:
        lines.append(f"{piece.release.repository} at {piece.commit[:12]}: {gigabytes(piece.size)}")
        lines += [f"  {gigabytes(file.size):>9}  {file.path}" for file in piece.files]
    return "\n".join([*lines, f"{gigabytes(missing)} to fetch of {gigabytes(plan.size)}"])


def _row(release: Release, notes: dict[str, int]) -> list[str]:
    """A release in as many lines as its longest cell takes."""

    def note(source: str) -> str:
        return f" [{notes.setdefault(source, len(notes) + 1)}]"

    facts = [f"{fact.value}{note(fact.source)}" if fact else "" for fact in (release.size, release.licence)]
    numbers = [f"{number.what}: {number.value}{note(number.source)}" for number in release.numbers]
    cells = [[release.name], [release.what], *([fact] for fact in facts), numbers]
    blocks = [
        [line for text in cell for line in _wrapped(text, width, " ")]
        for cell, (_, width) in zip(cells, COLUMNS, strict=True)
    ]
    height = max(map(len, blocks))
    return [_line([block[at] if at < len(block) else "" for block in blocks]) for at in range(height)]


def _line(cells: list[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True)).rstrip()


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """Lines of at most ``width`` letters, broken at spaces; an address stays whole."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
