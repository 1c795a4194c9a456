"""``results.json``: the numbers of an evaluation, and all that somebody needs to check them.

The numbers are counted from ``predictions.jsonl``, whether a model has just written it or it is scored again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from eval import clicks, intervals, journal, predictions
from eval.metrics import Counts
from eval.predictions import Prediction
from eval.protocols import Protocol
from eval.scoring import Scored

PREDICTIONS, RESULTS = "predictions.jsonl", "results.json"
NAMED = 100  # questions that failed and are named in the results; predictions.jsonl has all


@dataclass(frozen=True)
class Run:
    """All that the numbers of an evaluation depend on. An evaluation goes on only where all of it is the same.

    Attributes:
        benchmark, split: what is asked.
        protocol: the name of its rules.
        annotations: SHA-256 of what is read of the benchmark (:func:`data.provenance.fingerprint`).
        pictures: how many, the first by name.
        blind, click: as of :class:`eval.run.Way`.
        batch, block: how many questions are asked at once, and pictures together.
        checkpoint: its folder's name.
        sha256: of its files (:func:`data.provenance.digest`).
        device: in words.
        threads: of a CPU, that each process has: sums of floating-point numbers follow it.
        commit: of the project.
        versions: of Python and the packages.
        placement: in what the networks compute (:class:`model.placement.Placement`).
    """

    benchmark: str
    split: str
    protocol: str
    annotations: str
    pictures: int
    blind: bool
    click: bool
    batch: int
    block: int
    checkpoint: str
    sha256: str
    device: str
    threads: int
    commit: str
    versions: dict[str, str]
    placement: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def tally(given: Iterable[Prediction], protocol: Protocol) -> list[Scored]:
    """Count predictions by the rules of a protocol. Only what numbers and intervals need of each is kept: one at a time
    is whole in memory."""
    return [Scored(_bare(prediction), protocol.count(prediction)) for prediction in given]


def _bare(prediction: Prediction) -> Prediction:
    return replace(prediction, question="", answer="", given=(), truth=None)


def numbers(scored: Sequence[Scored], protocol: Protocol) -> dict[str, Any]:
    """What a protocol reports: over all questions, with intervals, and by kind of question; and what failed."""
    kinds: dict[str, list[Counts]] = {}
    for one in scored:
        kinds.setdefault(one.counts.kind, []).append(one.counts)
    failed = [one.prediction for one in scored if one.prediction.error is not None]
    between = intervals.intervals(scored, protocol) if scored else dict.fromkeys(one.name for one in protocol.numbers)
    return {
        "questions": len(scored),
        "numbers": protocol.summarise(one.counts for one in scored),
        "intervals": {
            "level": intervals.LEVEL,
            "draws": intervals.DRAWS,
            "seed": intervals.SEED,
            **{name: None if found is None else [found.low, found.high] for name, found in between.items()},
        },
        "kinds": {kind: {"questions": len(rows), **protocol.summarise(rows)} for kind, rows in sorted(kinds.items())},
        "failed": {
            "questions": len(failed),
            "named": [{"id": one.id, "error": one.error} for one in failed[:NAMED]],
        },
    }


def write(
    folder: Path,
    head: Mapping[str, Any],
    protocol: Protocol,
    lines: Iterable[bytes],
    command: Sequence[str],
    time: Mapping[str, Any],
    corrected: Sequence[tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Write ``predictions.jsonl`` and ``results.json``.

    Args:
        folder: where to.
        head: what was evaluated, as of :class:`Run`.
        protocol: its rules.
        lines: the predictions, in the order of their ids.
        command: the words that were typed.
        time: what differs from one evaluation of the same to the next.
        corrected: IoU before and after each click; None where none were to be given.

    Returns:
        What is in ``results.json``.
    """
    part = folder / f"{PREDICTIONS}.part"
    with part.open("wb") as file:
        file.writelines(lines)
    part.replace(folder / PREDICTIONS)
    scored = tally(predictions.read(folder / PREDICTIONS), protocol)
    made = {**head, "protocol": protocol.as_json(), **numbers(scored, protocol)}
    if corrected is not None:
        made["one_click"] = _clicked(corrected)
    made = {**made, "command": list(command), "time": dict(time)}
    journal.store(folder / RESULTS, json.dumps(made, indent=2) + "\n")
    return made


def finished(folder: Path, head: Mapping[str, Any], what: str = "an evaluation") -> dict[str, Any] | None:
    """The results of the same, if the folder holds them already; None if it holds none.

    Args:
        folder: of the results.
        head: all that they depend on, such as a :class:`Run`'s; a protocol by its name.
        what: the folder would hold, for people.

    Raises:
        ValueError: they are of another ``head``; the line says what differs.
    """
    path = folder / RESULTS
    if not path.is_file():
        return None
    found = journal.read(path)
    held = {key: found.get(key) for key in head}
    rules = held.get("protocol")
    if isinstance(rules, dict):
        held["protocol"] = rules.get("name")
    journal.compare(held, head, f"{folder} holds {what}")
    return found


def _clicked(rows: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Mean IoU of the masks below ``clicks.BELOW`` before and after one click."""
    if not rows:
        return {"below": clicks.BELOW, "masks": 0, "before": None, "after": None}
    before, after = (sum(pair[side] for pair in rows) / len(rows) for side in (0, 1))
    return {"below": clicks.BELOW, "masks": len(rows), "before": before, "after": after}
