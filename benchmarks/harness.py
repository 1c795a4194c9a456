"""How things are measured side by side: results, spreads, and runs that alternate in one process."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

RUNS, BUDGET = 5, 12.0  # unless --repeats says otherwise: at most so many runs of each way, and about so many seconds
UNHURRIED = 4.0  # seconds; a run that takes longer needs none before it to warm up
SHORTEST = 0.05  # seconds; what is over sooner is done several times in a run, which counts as one of their mean


@dataclass(frozen=True)
class Spread:
    """The median of several runs, the least and the greatest."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """That of at least one value."""
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes:
        item: the file of ``benchmarks/items`` that measured it.
        case: what was measured, of which size.
        ours: what the project's code takes.
        direct: what the direct transcription of the published way takes, or another way that ``case`` names; None
            where there is nothing to compare with.
        unit: "s", "B" (bytes), "%" (of the time of an answer), "1/s" or "" (a count).
        note: what else was seen: sizes, how far results are apart.
    """

    item: str
    case: str
    ours: Spread
    direct: Spread | None
    unit: str
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is: less of everything but a rate."""
        if self.direct is None or not self.ours.median or not self.direct.median:
            return None
        ratio = self.direct.median / self.ours.median
        return 1 / ratio if self.unit == "1/s" else ratio

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the ratio."""
        return {**asdict(self), "ratio": self.ratio}


def count(number: float) -> Spread:
    """A figure that is the same in every run."""
    return Spread(number, number, number, 1)


def alternate(
    ways: Sequence[Callable[[], object]],
    repeats: int | None = None,
    device: torch.device | None = None,
    budget: float = BUDGET,
) -> list[Spread]:
    """Seconds that each way takes, one after the other in turn, so that what else the machine does hits all alike.

    Args:
        ways: each is run once more at first, to warm up; a run of several seconds counts as it is. Short ones are
            repeated: what a slow way leaves behind (cold caches, sleeping threads) is not a fast one's.
        repeats: runs of each; if None at most RUNS, and not beyond the budget.
        device: is waited for, where work on it goes on after a call.
        budget: seconds for all runs.
    """
    times: list[list[float]] = [[] for _ in ways]
    often: list[int] = []
    begin = time.perf_counter()
    for way, kept in zip(ways, times, strict=True):
        first = seconds(way, device)
        if first > UNHURRIED:
            kept.append(first)
        often.append(math.ceil(SHORTEST / first))
    most = RUNS if repeats is None else repeats
    while any(len(kept) < most for kept in times):
        spent = time.perf_counter() - begin
        if repeats is None and all(times) and spent > budget:
            break
        for way, kept, number in zip(ways, times, often, strict=True):
            if len(kept) < most:
                kept.append(seconds(way, device, number))
    return [Spread.of(kept) for kept in times]


def collect(measure: Callable[[], dict[str, float]], repeats: int | None = None) -> dict[str, Spread]:
    """Spreads of what several runs of ``measure`` return under the same names, run as in :func:`alternate`."""
    kept: list[dict[str, float]] = []
    begin = time.perf_counter()
    first = measure()
    if time.perf_counter() - begin > UNHURRIED:
        kept.append(first)
    while len(kept) < (repeats or RUNS):
        if repeats is None and kept and time.perf_counter() - begin > BUDGET:
            break
        kept.append(measure())
    return {name: Spread.of([values[name] for values in kept]) for name in kept[0]}


def seconds(way: Callable[[], object], device: torch.device | None = None, number: int = 1) -> float:
    """Of one time, of ``number`` in a row."""
    wait(device)
    begin = time.perf_counter()
    for _ in range(number):
        way()
    wait(device)
    return (time.perf_counter() - begin) / number


def wait(device: torch.device | None) -> None:
    """Until a GPU has done what it was given."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
