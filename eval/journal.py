"""What an evaluation has done so far, in files that only grow: whatever moment it is killed at, it goes on from there.

A folder holds ``journal.json``, which says what is being run, and for each process a ``journal-R.jsonl``:

    {"block": 12}                                       a block of pictures begins
    {"id": ..., "answer": ..., "iou": ...}              a prediction, as it will stand in predictions.jsonl
    {"done": 12, "clicks": [...], "seconds": 3.1}       and the block is whole

Predictions of a block that never became whole are passed over, and so is a line cut off by a kill.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

HEADER = "journal.json"
PATIENCE = 10.0  # seconds that a process killed a moment ago may take to let go of its journal


class Writer:
    """The journal of one process.

    Args:
        folder: of the evaluation.
        rank: of the process.

    Raises:
        ValueError: another process writes it.
    """

    def __init__(self, folder: Path, rank: int) -> None:
        path = folder / f"journal-{rank}.jsonl"
        self._file = path.open("a+b")
        _lock(self._file.fileno(), folder)
        size = self._file.seek(0, os.SEEK_END)
        if size:
            self._file.seek(size - 1)
            if self._file.read(1) != b"\n":  # the end of a line that a kill has cut off
                self._write("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def begin(self, block: int) -> None:
        """A block begins."""
        self._write(json.dumps({"block": block}) + "\n")

    def add(self, lines: Iterable[str]) -> None:
        """Predictions of the block that has begun."""
        self._write("".join(lines))

    def done(self, block: int, clicks: Iterable[tuple[float, float]], seconds: float) -> None:
        """The block is whole. From now on it survives a kill, and the machine's."""
        self._write(json.dumps({"done": block, "clicks": list(clicks), "seconds": round(seconds, 3)}) + "\n")
        os.fsync(self._file.fileno())

    def _write(self, text: str) -> None:
        self._file.write(text.encode())
        self._file.flush()


def _lock(file: int, folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() > end:
                raise ValueError(f"another evaluation is at work in {folder}: wait for it, or end it") from error
            time.sleep(0.1)


@dataclass(frozen=True)
class Place:
    """Where a prediction's line is."""

    id: str
    path: Path
    offset: int
    length: int


@dataclass
class _Open:
    """A journal that is being read: how far, and what of a block is known."""

    offset: int = 0
    block: int | None = None
    places: list[Place] = field(default_factory=list)


class Reader:
    """All journals of a folder; :meth:`poll` takes in what has been added since.

    Attributes:
        blocks: the whole blocks, each with its predictions.
        clicks: of each whole block, IoU before and after each click.
        seconds: that the whole blocks took.
        asked: ids of all questions that have been answered, in whole blocks or not.
        giou: the mean IoU of those with targets so far, for people; None before the first.
        images: names of the pictures that have been asked about.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Path, _Open] = {}
        self.blocks: dict[int, list[Place]] = {}
        self.clicks: dict[int, list[tuple[float, float]]] = {}
        self.seconds = 0.0
        self._iou, self._targeted = 0.0, 0
        self.asked: set[str] = set()
        self.images: set[str] = set()

    @property
    def giou(self) -> float | None:
        return self._iou / self._targeted if self._targeted else None

    def poll(self) -> None:
        """Read on."""
        for path in self._folder.glob("journal-*.jsonl"):
            state = self._open.setdefault(path, _Open())
            with path.open("rb") as file:
                file.seek(state.offset)
                for line in file:
                    if not line.endswith(b"\n"):  # it is being written, or was cut off
                        break
                    self._take(line, path, state)
                    state.offset += len(line)

    def _take(self, line: bytes, path: Path, state: _Open) -> None:
        try:
            values = json.loads(line)
        except ValueError:  # cut off by a kill; its block was begun again
            return
        if "id" in values:
            state.places.append(Place(values["id"], path, state.offset, len(line)))
            self.images.add(values["image"])
            if values["id"] not in self.asked and values.get("truth", {}).get("targets"):
                self._iou, self._targeted = self._iou + values["iou"], self._targeted + 1
            self.asked.add(values["id"])
        elif "block" in values:
            state.block, state.places = values["block"], []
        elif values["done"] == state.block and values["done"] not in self.blocks:
            self.blocks[values["done"]] = state.places
            self.clicks[values["done"]] = [(before, after) for before, after in values["clicks"]]
            self.seconds += values["seconds"]

    def corrected(self) -> list[tuple[float, float]]:
        """IoU before and after each click, in the order of the blocks."""
        return [pair for block in sorted(self.clicks) for pair in self.clicks[block]]

    def lines(self) -> Iterator[bytes]:
        """The predictions of the whole blocks, in the order of their ids; one of them at a time is in memory.

        Raises:
            ValueError: two questions have the same id.
        """
        places = sorted((place for block in self.blocks.values() for place in block), key=lambda place: place.id)
        for place, following in pairwise(places):
            if place.id == following.id:
                raise ValueError(f"two questions have the id {place.id}: ids are unique in a benchmark and split")
        files = {path: path.open("rb") for path in {place.path for place in places}}
        try:
            for place in places:
                files[place.path].seek(place.offset)
                yield files[place.path].read(place.length)
        finally:
            for file in files.values():
                file.close()


def begin(folder: Path, run: Mapping[str, Any]) -> None:
    """Start an evaluation in a folder, or go on with it.

    Raises:
        ValueError: the folder holds the beginning of another one; the line says what differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header = folder / HEADER
    if header.is_file():
        compare(read(header), run, f"{folder} holds an unfinished evaluation")
        return
    store(header, json.dumps(run, indent=2) + "\n")


def compare(found: Mapping[str, Any], run: Mapping[str, Any], what: str) -> None:
    """Refuse to mix two runs.

    Raises:
        ValueError: they differ; the line says in what.
    """
    for key in [*run, *found]:
        if found.get(key) != run.get(key):
            raise ValueError(
                f"{what} whose {key} is {_shown(found.get(key))}, and here it is {_shown(run.get(key))}: "
                "name another folder, or remove that one"
            )


def clear(folder: Path) -> None:
    """Remove the journals of an evaluation whose results are written."""
    for path in (*folder.glob("journal-*.jsonl"), folder / HEADER):
        path.unlink(missing_ok=True)


def store(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def read(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: the file holds none.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: remove its folder, or name another") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is damaged: remove its folder, or name another")
    return values


def _shown(value: Any) -> str:
    return "not given" if value is None else json.dumps(value)
