"""Do we compute what the published code computes? Cases of its own outputs, found in a folder."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from eval.parity import released
from eval.parity.cases import read, systems
from eval.parity.check import Comparison, compare, table
from eval.parity.replay import Replay
from model.convert import convert, destination
from model.grounding import GroundingModel

__all__ = ["Comparison", "check", "table"]


def check(folder: Path) -> Iterator[Comparison]:
    """Convert each system's weights, then compare every tensor of every case of the folder.

    Raises:
        ValueError: the folder holds no case, or one that cannot be read.
    """
    for system in systems(folder):
        with tempfile.TemporaryDirectory() as scratch:
            source, target = Path(scratch) / "released", Path(scratch) / "converted"
            released.write(system, source)
            convert(system.name, source, target, clip=source / "clip", sam_options=released.sam_options(system.config))
            model = GroundingModel.from_pretrained(target)
        replay = Replay(model, system, destination)
        for path in system.cases:
            yield from compare(system, read(path), replay)
