"""Faults that stop a reader, and that a check goes on after.

A reader raises ValueError at the first fault, so that nothing wrong is trained on. A check reads inside
:func:`noticing`: there, where a reader can go on, the fault is kept in a list instead, and so is what only looks wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType


@dataclass(frozen=True)
class Notice:
    """One fault: its kind, one of :data:`data.check.REMEDIES`, and what is wrong, one line that begins with where."""

    kind: str
    line: str


_noticed: ContextVar[list[Notice] | None] = ContextVar("noticed", default=None)


@contextmanager
def noticing() -> Iterator[list[Notice]]:
    """Collects what is noticed while the block runs."""
    found: list[Notice] = []
    token = _noticed.set(found)
    try:
        yield found
    finally:
        _noticed.reset(token)


def is_noticing() -> bool:
    """Whether this runs inside :func:`noticing`."""
    return _noticed.get() is not None


def notice(kind: str, line: str) -> None:
    """Keep what looks wrong and stops no reader; nothing happens outside :func:`noticing`."""
    if (found := _noticed.get()) is not None:
        found.append(Notice(kind, line))


def refuse(kind: str, line: str) -> None:
    """Keep a fault inside :func:`noticing`, where the caller goes on as if the entry were not there.

    Raises:
        ValueError: everywhere else.
    """
    if not is_noticing():
        raise ValueError(line)
    notice(kind, line)


class going_on:
    """Inside :func:`noticing`, keeps a ValueError of its block as a fault of an annotation, and goes on after the
    block; everywhere else the error is raised. A class, as it is entered for every annotation that is read."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, ValueError) or not is_noticing():
            return False
        notice("annotation", str(error))
        return True
