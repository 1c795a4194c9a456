"""Two answers to one question side by side: which of their masks belong together, how far they agree, and the time."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eval.metrics import overlap
from model.answer import Answer, Segment

STAGES = {
    "read": "reads the picture",
    "write": "writes",
    "encode": "sees for masks",
    "draw": "draws",
    "total": "in all",
}


@dataclass(frozen=True)
class Pair:
    """What two answers name at the same place; one is None where only the other names it."""

    first: Segment | None
    second: Segment | None

    @property
    def iou(self) -> float | None:
        """Of their masks, in [0, 1]; None unless both have one."""
        if self.first is None or self.second is None or self.first.rejected or self.second.rejected:
            return None
        intersection, union = overlap(self.first.mask, self.second.mask)
        return intersection / union if union else 1.0

    @property
    def verdict(self) -> str:
        """How far they agree, in words."""
        if self.first is None or self.second is None:
            return "only the second names it" if self.first is None else "only the first names it"
        if self.first.rejected and self.second.rejected:
            return "both say that it is not here"
        if self.first.rejected or self.second.rejected:
            return f"only the {'second' if self.first.rejected else 'first'} finds it"
        return f"IoU {self.iou:.2f}"


def pairs(first: Answer, second: Answer) -> list[Pair]:
    """The segments of both: those of the same words together, one after another; of what is left, those at the same
    place in order; in the order of the first, then what only the second has."""
    mine, theirs = list(enumerate(first.segments)), list(enumerate(second.segments))
    found: dict[int, int] = {}
    for at, segment in mine:
        same = (i for i, other in theirs if i not in found.values() and _words(other) == _words(segment))
        if (number := next(same, None)) is not None:
            found[at] = number
    left = (at for at, _ in mine if at not in found)
    rest = (i for i, _ in theirs if i not in set(found.values()))
    found |= dict(zip(left, list(rest), strict=False))
    made = [Pair(segment, second.segments[found[at]] if at in found else None) for at, segment in mine]
    return made + [Pair(None, other) for i, other in theirs if i not in found.values()]


def stages(first: Answer, second: Answer) -> list[tuple[str, float | None, float | None]]:
    """The seconds of each stage of both, None where one had none of it; the stages that are known come in order."""
    known = [name for name in STAGES if name in first.timings or name in second.timings]
    others = [name for name in {**first.timings, **second.timings} if name not in STAGES]
    return [(name, first.timings.get(name), second.timings.get(name)) for name in [*others, *known]]


def checkpoints(folders: Iterable[Path]) -> list[Path]:
    """The checkpoints that lie in some folders, by name."""
    found = set()
    for folder in folders:
        try:
            found |= {file.parent.resolve() for file in folder.glob("*/config.json")}
        except OSError:  # a folder that may not be looked into has none for us
            continue
    return sorted(found, key=lambda path: (path.name, str(path)))


def _words(segment: Segment) -> str:
    return " ".join(segment.phrase.lower().split())
