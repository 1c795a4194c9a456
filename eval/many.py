"""Many questions of one's own, whose true answers nobody knows: asked as a benchmark is, written down likewise."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.images import open_image, upright_size
from data.sample import Sample, Turn
from eval import journal, predictions, processes
from eval.journal import Reader
from eval.protocols import Protocol
from eval.results import NAMED, PREDICTIONS, RESULTS
from eval.run import Way

KEYS = ("image", "question", "id")
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
OWN = Protocol("own", (), "every question, as it is typed", "nobody's: the true answers are not known")


@dataclass(frozen=True)
class Row:
    """A question about a picture: its id, the picture's name as it is given, its file and (H, W)."""

    id: str
    image: str
    path: Path
    size: tuple[int, int]
    question: str


@dataclass(frozen=True)
class Bad:
    """A row that cannot be asked, and why."""

    row: str
    error: str


class Typed:
    """Rows as questions of a benchmark: pictures in order of their names."""

    files: Sequence[Path] = ()

    def __init__(self, rows: list[Row]) -> None:
        self._rows: dict[str, list[Row]] = {}
        for row in sorted(rows, key=lambda one: (one.image, one.id)):
            self._rows.setdefault(row.image, []).append(row)
        self._names = list(self._rows)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        return self._names[index]

    def samples(self, index: int, protocol: Protocol) -> list[Sample]:
        return [_sample(row) for row in self._rows[self._names[index]]]

    def picture(self, name: str) -> np.ndarray | None:
        """A picture by its name."""
        return open_image(self._rows[name][0].path, name) if name in self._rows else None

    def digest(self) -> str:
        """Of all that is asked."""
        total = hashlib.sha256()
        for row in (row for name in self._names for row in self._rows[name]):
            total.update(json.dumps([row.id, row.image, row.question]).encode())
        return total.hexdigest()


def _sample(row: Row) -> Sample:
    turn = Turn(row.question, "", (), "question")
    return Sample(row.id, partial(open_image, row.path, row.image), row.size, (turn,), image=row.image)


@dataclass(frozen=True)
class Work(processes.Work):
    """What every process is given: a file or folder of questions in place of a benchmark."""

    input: Path = Path()
    question: str | None = None

    def open(self) -> tuple[Typed, Way]:
        """The questions, and how they are asked."""
        return Typed(read(self.input, self.question)[0]), Way(OWN, self.batch)


def read(
    source: Path, question: str | None = None, within: Path | None = None, most: int | None = None
) -> tuple[list[Row], list[Bad]]:
    """The questions of a CSV file with a head line, a file of JSON lines, or a folder of pictures.

    Args:
        source: with ``image`` (a path, from the file's folder on), ``question`` and perhaps ``id`` (the row's number if
            not).
        question: of a folder's pictures, and of rows that have none.
        within: a folder that pictures must lie in, links resolved; a row that leads out of it is not read. None for
            whoever may read the whole disk.
        most: rows that are taken; None for all.

    Returns:
        What can be asked, and what not; pictures are opened as far as their headers.

    Raises:
        ValueError: the file is none of these, nothing in it can be asked, or it has more rows than are taken.
    """
    rows: list[Row] = []
    bad: list[Bad] = []
    seen: set[str] = set()
    for number, (where, values) in enumerate(_values(source, question)):
        if most is not None and number >= most:
            raise ValueError(f"{source}: has more than {most:,} rows: hand them in in parts")
        try:
            if isinstance(values, ValueError):
                raise values
            row = _row(values, where, source if source.is_dir() else source.parent, question, within)
            if row.id in seen:
                raise ValueError(f"its id {row.id!r:.80} is that of an earlier row")
        except ValueError as error:
            bad.append(Bad(where, " ".join(str(error).split())))
            continue
        seen.add(row.id)
        rows.append(row)
    if not rows:
        why = f": {bad[0].row}: {bad[0].error}" if bad else ""
        raise ValueError(f"{source}: holds no question that can be asked{why}")
    return rows, bad


def _values(source: Path, question: str | None) -> Iterator[tuple[str, Any]]:
    """Where each row is, and its values, or what is wrong with it."""
    if source.is_dir():
        if not question:
            raise ValueError(f"{source} is a folder: say with --question what to ask of its pictures")
        for path in sorted(path for path in source.rglob("*") if path.suffix.lower() in PICTURES):
            name = path.relative_to(source).as_posix()
            yield name, {"image": name, "id": name}
        return
    kind = source.suffix.lower()
    if kind not in (".csv", ".jsonl"):
        raise ValueError(f"{source}: name a folder of pictures, a .csv file or a .jsonl file")
    try:
        text = source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{source}: its bytes are not utf-8: save it in UTF-8") from error
    if kind == ".csv":
        table = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        try:
            if "image" not in (table.fieldnames or ()):
                columns = f"{', '.join(KEYS[:2])} (and {KEYS[2]})"
                raise ValueError(f"{source}: its first line must name the columns {columns}")
            for values in table:
                yield f"line {table.line_num}", values
        except csv.Error as error:
            raise ValueError(f"{source}, line {table.line_num}: is no line of a table ({error})") from error
        return
    for number, line in enumerate(text.split("\n"), start=1):  # a JSON string may hold other ends of lines
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                yield f"line {number}", ValueError(f"not JSON ({error})")


def _row(values: Any, where: str, folder: Path, question: str | None, within: Path | None) -> Row:
    if not isinstance(values, Mapping):
        raise ValueError(f"expected keys and values, found {values!r:.60}")
    given = {key: values.get(key) for key in KEYS}
    image, asked = given["image"], given["question"] or question
    if not isinstance(image, str) or not image.strip():
        raise ValueError("names no image")
    if not isinstance(asked, str) or not asked.strip():
        raise ValueError("asks no question")
    id = given["id"] if given["id"] not in (None, "") else f"{int(where.rpartition(' ')[2]):06d}"
    path = folder / image.strip()
    if within is not None and not _inside(within, path):
        raise ValueError(f"{image.strip():.80}: leads out of the folder: nothing there is read")
    return Row(str(id), image.strip(), path, upright_size(path, image.strip()), asked.strip())


def _inside(within: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(within.resolve())
    except (OSError, ValueError, RuntimeError):  # no name of a file, or links that go round in circles
        return False


def finish(
    folder: Path, head: Mapping[str, Any], journals: Reader, bad: list[Bad], after: Mapping[str, Any]
) -> dict[str, Any]:
    """Put what the journals hold together, and remove them: ``predictions.jsonl`` and ``results.json``.

    Args:
        folder: of the answers.
        head: all that they depend on.
        journals: every block is whole.
        bad: rows that were not asked.
        after: the command and the time.

    Returns:
        What is in ``results.json``.
    """
    part = folder / f"{PREDICTIONS}.part"
    with part.open("wb") as lines:
        lines.writelines(journals.lines())
    part.replace(folder / PREDICTIONS)
    count, failed = 0, []
    for one in predictions.read(folder / PREDICTIONS):
        count += 1
        if one.error is not None:
            failed.append({"id": one.id, "error": one.error})
    made = {
        **head,
        "questions": count,
        "failed": {"questions": len(failed), "named": failed[:NAMED]},
        "left_out": {"rows": len(bad), "named": [{"row": one.row, "error": one.error} for one in bad[:NAMED]]},
        **after,
    }
    journal.store(folder / RESULTS, json.dumps(made, indent=2) + "\n")
    journal.clear(folder)
    return made
