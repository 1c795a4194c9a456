"""Answers of an evaluation, opened to be looked at: their numbers, a line for each, and each whole from the disk.

The files may be anybody's, so nothing in them is believed: sizes are bounded before a mask is decoded, and what does
not fit together is one plain line.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data import masks
from data.images import MOST_PIXELS
from data.sample import RLE
from eval import journal, predictions, protocols, rescoring, results
from eval.predictions import Prediction
from eval.protocols import Protocol
from eval.report import numbers
from eval.report.choice import score
from eval.results import PREDICTIONS, RESULTS
from eval.scoring import Scored

MOST_ROWS = 20_000  # questions that are looked through
MOST_SECONDS = 120.0  # that counting them may take
MOST_MASKS = 400_000_000  # pixels of all masks of one question: so many bytes when they are decoded
MOST_LINE = 16 * 2**20  # bytes of one question
MOST_RESULTS = 16 * 2**20  # bytes of results.json
LETTERS = 300  # of a text that are kept in memory; the whole is on the disk

Told = Callable[[float], None]  # how much of the work is done, 0 to 1


@dataclass(frozen=True)
class Row:
    """What is kept of a question.

    Attributes:
        id, image, kind, question, answer: the beginnings of long ones.
        score: IoU, or 1 or 0 for words alone; None without a truth.
        failed: there is no answer.
        missed, invented: something that is there was not drawn; something that is not was.
        place: offset and length of its line.
    """

    id: str
    image: str
    kind: str
    question: str
    answer: str
    score: float | None
    failed: bool
    missed: bool
    invented: bool
    place: tuple[int, int]


@dataclass
class Opened:
    """An evaluation that is looked at.

    Attributes:
        title: what it is, in words.
        table: ``columns`` and ``rows`` of its numbers with their intervals, or None.
        facts: name and value of what else is said of it.
        rows: its questions.
        notes: what a reader must know of them, a line each.
        file: with the predictions; None if there is none.
        values: what ``results.json`` holds.
        protocol: that the questions were counted by, where they have a truth.
    """

    title: str
    table: dict[str, Any] | None
    facts: list[list[str]]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    file: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    protocol: Protocol | None = None

    def prediction(self, row: Row) -> Prediction:
        """The whole of a question.

        Raises:
            ValueError: the file has changed since.
        """
        assert self.file is not None
        with self.file.open("rb") as file:
            file.seek(row.place[0])
            return checked(predictions.parse(_text(file.read(row.place[1])), "the file has changed"))


def open_folder(folder: Path, told: Told = lambda share: None) -> Opened:
    """What a folder holds of ``results.json`` and ``predictions.jsonl``, or both.

    Raises:
        ValueError: neither, or one is no such file; the line says what is wrong.
    """
    file, said = folder / PREDICTIONS, folder / RESULTS
    if not file.is_file() and not said.is_file():
        raise ValueError(f"there is neither {RESULTS} nor {PREDICTIONS}: give one of them, or both")
    values = _values(said) if said.is_file() else {}
    opened = Opened(*_numbers(values), values=values)
    if not file.is_file():
        opened.notes.append(f"There is no {PREDICTIONS} beside the numbers: give it too, to look at the questions.")
        return opened
    opened.file = file
    scored = _rows(opened, told)
    if scored and opened.table is None and opened.protocol is not None:
        opened.table = numbers.numbers(results.numbers(scored, opened.protocol))
        opened.notes.append(f"There is no {RESULTS}: the numbers were counted here, by the rules of its questions.")
    return opened


def _values(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_RESULTS:
        raise ValueError(f"{RESULTS}: has more than {MOST_RESULTS >> 20} MB, more than such a file can have")
    try:
        return journal.read(path)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{RESULTS}: is damaged, or no such file; get it again") from error


def _numbers(values: dict[str, Any]) -> tuple[str, dict[str, Any] | None, list[list[str]]]:
    try:
        table, facts = numbers.numbers(values), numbers.facts(values)
        columns = len(table["columns"]) if table else 0
        if table and any(len(row) != columns + 1 for row in table["rows"]):
            raise IndexError
        return numbers.title(values), table, [[str(name), str(value)] for name, value in facts]
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f"{RESULTS}: its numbers are not those of an evaluation; get the file again") from error


def _rows(opened: Opened, told: Told) -> list[Scored]:
    """Read and count the questions, as many as there is time for; returns the counted ones without their masks."""
    assert opened.file is not None
    opened.protocol = _protocol(opened)
    size, offset, begin = opened.file.stat().st_size, 0, time.monotonic()
    scored: list[Scored] = []
    seen: set[str] = set()
    with opened.file.open("rb") as lines:
        while line := lines.readline(MOST_LINE + 1):
            where = f"{PREDICTIONS}, line {len(seen) + 1}"
            if len(line) > MOST_LINE:
                raise ValueError(f"{where}: has more than {MOST_LINE >> 20} MB, more than a question can have")
            if len(seen) >= MOST_ROWS or time.monotonic() - begin > MOST_SECONDS:
                opened.notes.append(f"These are the first {len(seen):,} questions; the file has more.")
                break
            try:
                one = checked(predictions.parse(_text(line), where))
                if one.id in seen:
                    raise ValueError(f"{where}: its id is that of an earlier line")
                row, counted = _row(one, opened.protocol, (offset, len(line)))
            except ValueError as error:
                raise ValueError(str(error).replace(str(opened.file), PREDICTIONS)) from error
            seen.add(one.id)
            opened.rows.append(row)
            scored += [counted] if counted else []
            offset += len(line)
            if len(seen) % 50 == 0:
                told(offset / size)
    if not opened.rows:
        raise ValueError(f"{PREDICTIONS}: is empty")
    return scored


def _row(one: Prediction, protocol: Protocol, place: tuple[int, int]) -> tuple[Row, Scored | None]:
    counts = None if one.truth is None else protocol.count(one)
    bare = replace(one, id=one.id, question="", answer="", given=(), truth=None)
    counted = None if counts is None else Scored(bare, counts)
    judged = None if counts is None or counts.failed else counts
    row = Row(
        id=one.id[:LETTERS],
        image=one.image[:LETTERS],
        kind=one.kind[:80],
        question=one.question[:LETTERS],
        answer=one.answer[:LETTERS],
        score=None if counted is None else score(counted),
        failed=one.error is not None,
        missed=judged is not None and not all(judged.found),
        invented=judged is not None and not all(judged.rejected),
        place=place,
    )
    return row, counted


def _protocol(opened: Opened) -> Protocol:
    try:
        return rescoring.protocol_of(opened.values)
    except ValueError:
        if opened.values and "input" not in opened.values:
            opened.notes.append(
                f"{RESULTS} does not say by which rules it counts: here the questions are counted by "
                f"those of {protocols.WORLD.name}."
            )
        return protocols.WORLD


def checked(one: Prediction) -> Prediction:
    """A prediction whose masks are no larger than they may be, each in the way ours are written.

    Raises:
        ValueError: they are larger, or of another size than the picture.
    """
    height, width = one.size
    if height < 1 or width < 1 or height * width > MOST_PIXELS:
        raise ValueError(f"{one.id:.80}: {width} x {height} pixels is no size of a picture that is read")
    targets = one.truth.targets if one.truth else ()
    drawn = [mark.rle for mark in one.given] + [target.rle for target in targets]
    drawn += [mark.hidden for mark in one.given] + [one.truth.void if one.truth else None]
    kept = [rle for rle in drawn if rle is not None]
    if len(kept) * height * width > MOST_MASKS:
        raise ValueError(f"{one.id:.80}: has {len(kept)} masks of {width} x {height} pixels, more than are read")
    if any(list(rle.get("size") or ()) != [height, width] for rle in kept):
        raise ValueError(f"{one.id:.80}: a mask is of another size than its picture of {width} x {height}")

    def ours(rle: RLE | None) -> RLE | None:
        return None if rle is None else masks.from_coco(rle, one.size, f"{one.id:.80}")

    given = tuple(replace(mark, rle=ours(mark.rle), hidden=ours(mark.hidden)) for mark in one.given)
    truth = one.truth and replace(
        one.truth,
        targets=tuple(replace(target, rle=ours(target.rle)) for target in targets),
        void=ours(one.truth.void),
    )
    return replace(one, given=given, truth=truth)


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{PREDICTIONS}: its bytes are not utf-8: save it in UTF-8") from error


ORDERS = ("worst first", "best first", "as in the file")
SHOWN = ("all questions", "failed", "missed what is there", "drew what is not there", "IoU below 0.5")


def chosen(
    rows: Sequence[Row], order: str = ORDERS[0], shown: str = SHOWN[0], kind: str = "", text: str = ""
) -> list[Row]:
    """Rows that are to be seen, in order.

    Args:
        rows: of all questions.
        order: one of :data:`ORDERS`; the worst are those that failed, those without a truth come last.
        shown: one of :data:`SHOWN`.
        kind: of the questions; any if empty.
        text: in their id, picture, question or answer, whatever the case of its letters.
    """
    tests: dict[str, Callable[[Row], bool]] = {
        "failed": lambda row: row.failed,
        "missed what is there": lambda row: row.missed,
        "drew what is not there": lambda row: row.invented,
        "IoU below 0.5": lambda row: row.score is not None and row.score < 0.5,
    }
    wanted = tests.get(shown, lambda row: True)
    words = text.strip().lower()
    kept = [
        row
        for row in rows
        if wanted(row)
        and kind in ("", row.kind)
        and (not words or any(words in part.lower() for part in (row.id, row.image, row.question, row.answer)))
    ]
    if order == ORDERS[0]:
        return sorted(kept, key=lambda row: (not row.failed, row.score is None, row.score or 0.0))
    if order == ORDERS[1]:
        return sorted(kept, key=lambda row: (row.failed, row.score is None, -(row.score or 0.0)))
    return kept
