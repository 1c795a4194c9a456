"""The drawn world: ``pinpoint eval world --split SPLIT``."""

import time
from dataclasses import dataclass
from typing import Any

from data.world.world import World
from eval import clicks, metrics, report
from eval.results import Record
from eval.run import Asked, evaluate
from model.predictor import Predictor

COUNT = 1000  # scenes of a split that the published numbers stand on


@dataclass(frozen=True)
class Result:
    """What an evaluation says: numbers overall and by kind of question, and, if asked for, of one corrective click."""

    split: str
    count: int
    blind: bool
    overall: metrics.Summary
    kinds: dict[str, metrics.Summary]
    corrected: tuple[clicks.Corrected, ...] | None
    records: tuple[Record, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = {
            "benchmark": "world",
            "split": self.split,
            "scenes": self.count,
            "blind": self.blind,
            "protocol": "free generation; later turns see the model's own answers",
            "overall": report.as_json(self.overall),
            "kinds": {name: report.as_json(summary) for name, summary in self.kinds.items()},
            "seconds": round(self.seconds, 1),
        }
        if self.corrected is not None:
            made["one_click"] = self._click()
        return made

    def text(self) -> str:
        """A table."""
        lines = [f"world, split {self.split}, {self.count} scenes" + (", blind" if self.blind else "")]
        lines.append(report.table(self.overall, self.kinds))
        if self.corrected:
            c = self._click()
            lines.append(
                f"one click on the {c['masks']} masks below {clicks.BELOW}: "
                f"mean IoU {c['before']:.3f} -> {c['after']:.3f}"
            )
        elif self.corrected is not None:
            lines.append(f"no mask is below {clicks.BELOW}: no click was given")
        lines.append(f"{self.seconds:.0f} s")
        return "\n".join(lines)

    def _click(self) -> dict[str, Any]:
        rows = self.corrected or ()
        if not rows:
            return {"masks": 0, "before": None, "after": None}
        mean = {name: sum(getattr(row, name) for row in rows) / len(rows) for name in ("before", "after")}
        return {"masks": len(rows), **mean}


def run(
    predictor: Predictor,
    split: str,
    count: int = COUNT,
    blind: bool = False,
    one_click: bool = False,
    quiet: bool = False,
) -> Result:
    """Evaluate on the first ``count`` scenes of a split.

    Raises:
        ValueError: there is no such split.
    """
    world = World(split, count)
    corrected: list[clicks.Corrected] = []

    def look(asked: Asked) -> None:
        if one_click:
            corrected.extend(clicks.correct(predictor, asked))

    begin = time.perf_counter()
    samples = (world.sample(index) for index in range(count))
    records = evaluate(predictor, samples, count, quiet, look, blind)
    rows = [record.counts for record in records]
    return Result(
        split=split,
        count=count,
        blind=blind,
        overall=metrics.summarise(rows),
        kinds=metrics.by_kind(rows),
        corrected=tuple(corrected) if one_click else None,
        records=tuple(records),
        seconds=time.perf_counter() - begin,
    )
