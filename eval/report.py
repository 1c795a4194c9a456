"""Results as a table for people and as JSON for programs."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from eval.metrics import Summary


def as_json(summary: Summary) -> dict[str, Any]:
    """A summary as plain values; thresholds become strings."""
    values = dataclasses.asdict(summary)
    values["precision"] = {f"{threshold:g}": share for threshold, share in summary.precision.items()}
    return values


def table(overall: Summary, kinds: Mapping[str, Summary]) -> str:
    """One line overall and one for each kind of question, the worst first."""
    rows = [("overall", overall), *sorted(kinds.items(), key=lambda item: _order(item[1]))]
    head = f"{'':14}{'asked':>7}{'gIoU':>8}{'cIoU':>8}{'N-acc':>8}{'T-acc':>8}{'Pr@.5':>8}{'Pr@.9':>8}{'words':>8}"
    lines = [head]
    for name, s in rows:
        numbers = (s.giou, s.ciou, s.n_acc, s.t_acc, s.precision[0.5], s.precision[0.9], s.words)
        asked = s.questions + s.worded
        lines.append(f"{name:14}{asked:>7}" + "".join(f"{'-' if n is None else f'{n:.3f}':>8}" for n in numbers))
    return "\n".join(lines)


def _order(summary: Summary) -> float:
    score = summary.giou if summary.giou is not None else summary.words
    return 2.0 if score is None else score
