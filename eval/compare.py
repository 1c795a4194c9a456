"""Two sets of answers to the same questions: how far apart their numbers are, and where."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval import intervals, predictions, rescoring
from eval.intervals import Difference
from eval.predictions import Prediction
from eval.protocols import Protocol
from eval.results import tally
from eval.scoring import Scored

CHANGED = 20  # samples that are named


@dataclass(frozen=True)
class Changed:
    """A question whose IoU differs: of the first set and of the second, and what both said."""

    id: str
    question: str
    first: float
    second: float
    answers: tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` finds.

    Attributes:
        names: of the two, as they were given.
        protocol: whose rules both are counted by.
        common: questions that both answer; the numbers are of these alone.
        alone: questions of the first alone, and of the second alone.
        differences: by the name of the number, second minus first; None where one of the two has nothing to count.
        changed: the questions whose IoU differs most, the largest difference first.
        notes: what makes the comparison less than fair, a line each.
    """

    names: tuple[str, str]
    protocol: str
    common: int
    alone: tuple[int, int]
    differences: dict[str, Difference | None]
    changed: tuple[Changed, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        made = asdict(self)
        for name, one in self.differences.items():
            if one is not None:
                made["differences"][name]["difference"] = one.value
        return {**made, "draws": intervals.DRAWS, "level": intervals.LEVEL, "seed": intervals.SEED}


def compare(first: Path, second: Path, protocol: str | None = None, most: int = CHANGED) -> Comparison:
    """Compare two files of predictions, or the folders that hold them, on the questions that both answer.

    Args:
        protocol: whose rules count; those of the first if None.
        most: changed questions that are named.

    Raises:
        ValueError: a file cannot be read, nobody says by which rules to count, no question is common, or the truth of
            one differs.
    """
    said = [rescoring.results_of(path) for path in (first, second)]
    known = said[0] or said[1]
    rules = rescoring.protocol_of(known, protocol)
    sides = [_scored(path, rules) for path in (first, second)]
    common = sides[0].keys() & sides[1].keys()
    if not common:
        raise ValueError(f"{first} and {second} have no question in common: they are not of one benchmark")
    for id in sorted(common):
        if (sides[0][id].image, sides[0][id].truth) != (sides[1][id].image, sides[1][id].truth):
            raise ValueError(f"{id}: its picture or its truth is not the same in {first} and {second}")
    one, other = ([side[id].scored for id in sorted(common)] for side in sides)
    alone = (len(sides[0]) - len(common), len(sides[1]) - len(common))
    return Comparison(
        names=(str(first), str(second)),
        protocol=rules.name,
        common=len(common),
        alone=alone,
        differences=intervals.differences(one, other, rules),
        changed=_changed((first, second), one, other, most),
        notes=tuple(_notes(said, rules, alone, len(common))),
    )


@dataclass(frozen=True)
class _One:
    """What is kept of a prediction: counts, picture, and a number for its truth."""

    scored: Scored
    image: str
    truth: int


def _scored(path: Path, protocol: Protocol) -> dict[str, _One]:
    """Counts by id; one prediction at a time is whole in memory."""
    made = {}
    for prediction in rescoring.own(rescoring.read(path)):
        (scored,) = tally([prediction], protocol)
        assert prediction.truth is not None
        known = prediction.truth
        drawn = (known.void, *(target.rle for target in known.targets))
        words = "" if known.targets else known.answer
        truth = hash((words, *(None if rle is None else str(rle["counts"]) for rle in drawn)))
        made[prediction.id] = _One(scored, prediction.image, truth)
    return made


def _changed(
    files: tuple[Path, Path], one: Sequence[Scored], other: Sequence[Scored], most: int
) -> tuple[Changed, ...]:
    def gap(pair: tuple[Scored, Scored]) -> tuple[float, str]:
        return -abs(_score(pair[1]) - _score(pair[0])), pair[0].prediction.id

    pairs = sorted(zip(one, other, strict=True), key=gap)[:most]
    moved = {a.prediction.id: (_score(a), _score(b)) for a, b in pairs if _score(a) != _score(b)}
    said = [_whole(path, set(moved)) for path in files]
    return tuple(
        Changed(id, said[0][id].question, *scores, (said[0][id].answer, said[1][id].answer))
        for id, scores in moved.items()
    )


def _score(one: Scored) -> float:
    return one.counts.iou if one.counts.words is None else float(one.counts.words)


def _whole(path: Path, ids: set[str]) -> dict[str, Prediction]:
    return {one.id: one for one in predictions.read(rescoring.file_of(path)) if one.id in ids}


def _notes(said: Sequence[dict[str, Any]], rules: Protocol, alone: tuple[int, int], common: int) -> list[str]:
    notes = []
    if any(alone):
        notes.append(
            f"NOT THE SAME QUESTIONS: {alone[0]:,} are in the first alone and {alone[1]:,} in the second alone; "
            f"compared are the {common:,} common ones"
        )
    used = [values["protocol"]["name"] for values in said if isinstance(values.get("protocol"), dict)]
    if len(set(used)) > 1:
        notes.append(f"different protocols, {used[0]} and {used[1]}: both are counted by {rules.name} here")
    for key in ("benchmark", "split", "blind", "batch", "device"):
        values = [one[key] for one in said if key in one]
        if len(values) == 2 and values[0] != values[1]:
            notes.append(f"different {key}: {values[0]} and {values[1]}")
    return notes
