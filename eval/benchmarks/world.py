"""The drawn world: ``pinpoint eval world --split SPLIT``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.sample import Sample
from data.world.splits import SPLITS
from data.world.world import World
from eval.benchmarks.base import Benchmark
from eval.protocols import MARK, WORLD, Protocol

COUNT = 1000  # scenes of a split that the published numbers stand on


class Scenes:
    """The conversations of the evaluation mix about the first scenes of a split, one each."""

    files: Sequence[Path] = ()

    def __init__(self, split: str, count: int) -> None:
        self._world = World(split, count)

    def __len__(self) -> int:
        return len(self._world)

    def name(self, index: int) -> str:
        return f"{self._world.split}-{index:06d}"

    def samples(self, index: int, protocol: Protocol) -> list[Sample]:
        """The scene's conversation, in its own words whatever the protocol."""
        return [replace(self._world.sample(index), image=self.name(index))]


@dataclass(frozen=True)
class WorldBenchmark(Benchmark):
    """The drawn world, which lies in no tree and has as many scenes as one asks for."""

    def protocol(self, name: str | None = None) -> Protocol:
        """As of any benchmark, but in no other system's wording.

        Raises:
            ValueError: there is no such protocol, or another wording is named.
        """
        found = super().protocol(name)
        if found.style != WORLD.style:
            raise ValueError(f"world asks in words of its own: name {found.rules} without {MARK}{found.style}")
        return found

    def open(self, root: Path | None, split: str, count: int | None = None) -> Scenes:
        """The first ``count`` scenes of a split; COUNT if None."""
        self.check_split(split)
        return Scenes(split, COUNT if count is None else count)


BENCHMARKS = (WorldBenchmark("world", SPLITS, (WORLD,), rooted=False),)
