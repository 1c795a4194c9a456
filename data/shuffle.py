"""Orders that need no list: a keyed permutation, and sources dealt out by weight."""

import math
from collections.abc import Sequence
from hashlib import blake2b
from random import Random

CYCLE = 1000
"""Positions in which every source comes up by its weight exactly; shares are rounded to parts of it."""
ROUNDS = 4


def permuted(index: int, count: int, key: str) -> int:
    """Where a permutation of ``range(count)`` takes ``index``; another one for each key.

    A Feistel network over the next power of four, walked on while it leads outside (Black and Rogaway 2002,
    "Ciphers with arbitrary finite domains").
    """
    if not 0 <= index < count:
        raise IndexError(f"there is no place {index} among {count}")
    half = max(1, math.ceil(max(1, (count - 1).bit_length()) / 2))
    low = (1 << half) - 1
    while True:
        left, right = index >> half, index & low
        for number in range(ROUNDS):
            mixed = blake2b(f"{key} {number} {right}".encode(), digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(mixed, "little") & low)
        index = left << half | right
        if index < count:
            return index


class Deal:
    """Which source each position of an endless stream belongs to, and how often that source came up before.

    In every cycle of :data:`CYCLE` positions the sources come up by their weights, in a shuffled order. A pure function
    of seed and position; the last cycle that was asked for is kept.

    Args:
        weights: of the sources, above 0.
        seed: of the order.
    """

    def __init__(self, weights: Sequence[float], seed: int) -> None:
        self.quotas, self.seed = quotas(weights), seed
        self._kept: tuple[int, list[tuple[int, int]]] = (-1, [])

    def __getitem__(self, position: int) -> tuple[int, int]:
        """The source's number, and how many earlier positions are its own."""
        if position < 0:
            raise IndexError(f"a stream has no position {position}")
        cycle, place = divmod(position, CYCLE)
        if self._kept[0] != cycle:
            self._kept = (cycle, self._cycle(cycle))
        source, rank = self._kept[1][place]
        return source, cycle * self.quotas[source] + rank

    def _cycle(self, cycle: int) -> list[tuple[int, int]]:
        dealt = [source for source, quota in enumerate(self.quotas) for _ in range(quota)]
        Random(f"{self.seed} cycle {cycle}").shuffle(dealt)
        seen = [0] * len(self.quotas)
        made = []
        for source in dealt:
            made.append((source, seen[source]))
            seen[source] += 1
        return made


def quotas(weights: Sequence[float]) -> tuple[int, ...]:
    """How many of :data:`CYCLE` positions each source gets: by weight, at least one, the largest remainders rounded up.

    Raises:
        ValueError: there are no weights or too many, or one is not above 0.
    """
    if not weights or len(weights) > CYCLE:
        raise ValueError(f"a mixture has between 1 and {CYCLE} sources, not {len(weights)}")
    if not all(0 < weight < math.inf for weight in weights):
        raise ValueError(f"weights must be above 0: {', '.join(map(str, weights))}")
    free, total = CYCLE - len(weights), sum(weights)
    exact = [CYCLE * weight / total for weight in weights]
    scale = sum(max(0.0, share - 1) for share in exact) or 1.0
    over = [free * max(0.0, share - 1) / scale for share in exact]  # beyond the one that each gets
    made = [1 + int(share) for share in over]
    order = sorted(range(len(over)), key=lambda i: (int(over[i]) - over[i], i))
    for index in order[: CYCLE - sum(made)]:
        made[index] += 1
    return tuple(made)
