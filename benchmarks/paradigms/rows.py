"""The results file: one row a run, there whole or not at all, whoever else writes at the same time."""

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval import journal

FILE = "results.jsonl"


def read(out: Path) -> list[dict[str, Any]]:
    """All rows, in the order in which they were finished.

    Raises:
        ValueError: a line is no row.
    """
    path = out / FILE
    if not path.is_file():
        return []
    made = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            made.append(json.loads(line))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: not JSON ({error})") from error
    return made


def find(out: Path, name: str, seed: int) -> dict[str, Any] | None:
    """The row of a run, if it is finished."""
    return next((row for row in read(out) if (row["name"], row["seed"]) == (name, seed)), None)


def add(out: Path, row: Mapping[str, Any]) -> None:
    """Add a row."""
    with locked(out / ".results.lock", wait=True):
        lines = [json.dumps(one) for one in (*read(out), row)]
        journal.store(out / FILE, "".join(f"{line}\n" for line in lines))


@contextlib.contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold a lock that ends with the process at the latest; yields whether it is held.

    Args:
        path: of the lock's file, made if need be; its folder, too.
        wait: until the other process lets go; else False is yielded while another holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
