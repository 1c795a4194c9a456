"""What was asked, said and counted, one record a question, kept as lines of JSON."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data.settings import build
from eval.metrics import Counts


@dataclass(frozen=True)
class Record:
    """One question of a benchmark: its words, the true answer, the given one, and the counts."""

    question: str
    truth: str
    answer: str
    counts: Counts


def write(records: Iterable[Record], path: Path) -> None:
    """One JSON object a line, in the order of the ids; ``iou`` stands beside the counts for those who read by eye."""
    with path.open("w", encoding="utf-8") as lines:
        for record in sorted(records, key=lambda record: record.counts.id):
            lines.write(json.dumps({**dataclasses.asdict(record), "iou": round(record.counts.iou, 6)}) + "\n")


def read(path: Path) -> list[Record]:
    """The records of a file.

    Raises:
        ValueError: a line is no record; it is named.
    """
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{path}, line {number}"
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where}: not JSON ({error})") from error
        if isinstance(values, dict):
            values.pop("iou", None)
        records.append(build(Record, values, where))
    return records
