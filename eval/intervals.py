"""How far a number would move with other pictures: the bootstrap, by picture, with a fixed seed.

Questions about one picture share its difficulty, so whole pictures are drawn with replacement (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapters 6 and 13; the block is the picture). The pictures are taken in order of
their names: neither the order of the questions nor the number of processes changes an interval.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from eval.numbers import Number
from eval.protocols import Protocol
from eval.scoring import Scored

DRAWS = 1000
SEED = 0
LEVEL = 0.95
_AT_ONCE = 100  # draws that are in memory together


@dataclass(frozen=True)
class Interval:
    """The share LEVEL of the draws' values lies between these two (percentile bootstrap)."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """One number of two sets of answers to the same questions.

    Attributes:
        first, second: its values.
        low, high: of second - first, as of an :class:`Interval`.
        p: two-sided, that the difference is 0: twice the smaller share of the draws on either side of it, at most 1.
    """

    first: float
    second: float
    low: float
    high: float
    p: float

    @property
    def value(self) -> float:
        return self.second - self.first


def intervals(
    scored: Sequence[Scored], protocol: Protocol, draws: int = DRAWS, seed: int = SEED, level: float = LEVEL
) -> dict[str, Interval | None]:
    """The interval of each number of a protocol by name; None where there is nothing to count."""
    pictures = sorted({one.prediction.image for one in scored})
    found: dict[str, Interval | None] = {}
    drawn = {number.name: _Sums(number, scored, pictures).drawn(draws, seed) for number in protocol.numbers}
    for name, values in drawn.items():
        known = values[~np.isnan(values)]
        found[name] = Interval(*_between(known, level)) if len(known) else None
    return found


def differences(
    first: Sequence[Scored],
    second: Sequence[Scored],
    protocol: Protocol,
    draws: int = DRAWS,
    seed: int = SEED,
    level: float = LEVEL,
) -> dict[str, Difference | None]:
    """How the second set differs from the first in each number, the same pictures drawn for both; None where one of the
    two has nothing to count.

    Raises:
        ValueError: the two do not answer the same questions.
    """
    ids = [{one.prediction.id: one.prediction.image for one in scored} for scored in (first, second)]
    if ids[0] != ids[1]:
        alone = sorted(set(ids[0].items()) ^ set(ids[1].items()))
        raise ValueError(
            f"the two do not answer the same questions: {alone[0][0]} (picture {alone[0][1]}) is in one of them alone"
        )
    pictures = sorted(set(ids[0].values()))
    found: dict[str, Difference | None] = {}
    for number in protocol.numbers:
        values = [number.value(one.counts for one in scored) for scored in (first, second)]
        drawn = [_Sums(number, scored, pictures).drawn(draws, seed) for scored in (first, second)]
        gaps = drawn[1] - drawn[0]
        gaps = gaps[~np.isnan(gaps)]
        found[number.name] = None
        if values[0] is not None and values[1] is not None and len(gaps):
            sides = (int((gaps <= 0).sum()), int((gaps >= 0).sum()))
            p = min(1.0, 2 * (min(sides) + 1) / (len(gaps) + 1))
            found[number.name] = Difference(values[0], values[1], *_between(gaps, level), p)
    return found


class _Sums:
    """What each picture adds to a number: above and below the line ``(pictures, columns)``, a column for each class.

    A reference lies in one picture, so the mean over references is a ratio of sums as well: of its share, over 1.
    """

    def __init__(self, number: Number, scored: Sequence[Scored], pictures: Sequence[str]) -> None:
        self.pictures = len(pictures)
        row_of = {name: row for row, name in enumerate(pictures)}
        groups: dict[tuple[int, str], list[tuple[float, float]]] = {}
        for one in sorted(scored, key=lambda one: one.counts.id):
            place = (row_of[one.prediction.image], number.group(one.counts))
            groups.setdefault(place, []).extend(number.terms(one.counts))
        rows, columns, above, below = [], [], [], []
        column_of: dict[str, int] = {}
        for (row, name), terms in groups.items():
            top, bottom = sum(term[0] for term in terms), sum(term[1] for term in terms)
            if not bottom:
                continue
            if number.per == "reference":
                name, top, bottom = "", top / bottom, 1
            rows.append(row)
            columns.append(column_of.setdefault(name, len(column_of)))
            above.append(float(top))
            below.append(float(bottom))
        shape = (self.pictures, max(1, len(column_of)))
        self.above = sparse.coo_array((above, (rows, columns)), shape=shape).tocsr()
        self.below = sparse.coo_array((below, (rows, columns)), shape=shape).tocsr()

    def drawn(self, draws: int, seed: int) -> np.ndarray:
        """``(draws,)`` float64: the number of each draw; NaN where it has nothing to count."""
        return np.concatenate([self._values(times) for times in _times(self.pictures, draws, seed)])

    def _values(self, times: np.ndarray) -> np.ndarray:
        above, below = (self.above.T @ times.T).T, (self.below.T @ times.T).T
        some = below > 0
        shares = np.divide(above, below, out=np.zeros_like(above), where=some)
        count = some.sum(axis=1)
        return np.where(count > 0, shares.sum(axis=1) / np.maximum(count, 1), np.nan)


def _times(pictures: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each picture is drawn, ``(draws, pictures)`` float64, some draws at a time. The same seed gives the
    same draws for every number, and for two sets that are compared."""
    rng = np.random.default_rng(seed)
    for begin in range(0, draws, _AT_ONCE):
        made = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=min(_AT_ONCE, draws - begin))
        yield made.astype(np.float64)


def _between(values: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
