"""The results as Markdown: for each question of the comparison a table, the mean over the seeds and their spread."""

import functools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.paradigms import asking, rows
from benchmarks.paradigms.asking import NUMBERS
from benchmarks.paradigms.plan import BY_NAME, OWN, QUESTIONS, RUNS, Job, Run
from eval import journal, numbers, predictions, results
from eval.intervals import Difference, differences
from eval.protocols import WORLD
from eval.scoring import Scored

FILE = "table.md"
HEADS = ("run", "seeds", *NUMBERS, "gIoU beyond that of", "s a step", "s an answer", "parameters")
ESTIMATES = (
    "run",
    "seeds",
    "masks",
    "mean estimate",
    "mean IoU",
    "Pearson",
    "Spearman",
    "overlapping: Pearson",
    "Spearman",
)

_GIOU = replace(WORLD, numbers=(numbers.GIOU,))


def write(out: Path) -> str:
    """The tables, which are written to ``table.md``, too.

    Raises:
        ValueError: nothing is finished.
    """
    found = rows.read(out)
    text = tables(found, gains(found, out))
    journal.store(out / FILE, text + "\n")
    return text


def tables(found: Sequence[dict[str, Any]], beyond: Mapping[tuple[str, str], Difference]) -> str:
    """All tables, then what the figures depend on.

    Args:
        found: rows.
        beyond: by run and use, as of :func:`gains`.

    Raises:
        ValueError: there are no rows.
    """
    if not found:
        raise ValueError("no run is finished yet: there is nothing to put into a table")
    parts = []
    for question, asked in QUESTIONS.items():
        lines = [line for run in RUNS if run.question == question for line in _lines(run, found, beyond)]
        if lines:
            parts.append(f"### {asked}\n\n{_table(HEADS, lines)}")
    estimates = [line for run in RUNS if (line := _estimate(_of(found, run.name)))]
    parts.append(
        f"### How far does SAM's own estimate of an IoU go with the true one?\n\n{_table(ESTIMATES, estimates)}"
    )
    return "\n\n".join([*parts, _made(found)])


def spread(values: Iterable[float | None], digits: int = 3) -> str:
    """The mean, and with two values or more their standard deviation (of a sample): "0.750 +- 0.071"."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = f"{statistics.fmean(known):.{digits}f}"
    return mean if len(known) == 1 else f"{mean} +- {statistics.stdev(known):.{digits}f}"


def gains(found: Sequence[dict[str, Any]], out: Path) -> dict[tuple[str, str], Difference]:
    """By run and use: by how much the gIoU is above that of the run that it is compared with, over the seeds that both
    have. The bootstrap draws pictures, the same for all seeds of both; without their answers there is nothing."""
    made = {}
    for run in RUNS:
        if run.against == run.name:
            continue
        mine, theirs = ({row["seed"]: row for row in _of(found, name)} for name in (run.name, run.against))
        seeds = sorted(mine.keys() & theirs.keys())
        for use in mine[seeds[0]]["evaluations"] if seeds else ():
            first, second = [], []
            for seed in seeds:
                base = Job(BY_NAME[run.against], seed)
                likewise = use if use in theirs[seed]["evaluations"] else next(iter(theirs[seed]["evaluations"]))
                first += _answers(asking.folder(out, base, likewise), seed)
                second += _answers(asking.folder(out, Job(run, seed), use), seed)
            difference = differences(first, second, _GIOU)["gIoU"] if first and second else None
            if difference is not None:
                made[run.name, use] = difference
    return made


@functools.cache
def _answers(folder: Path, seed: int) -> list[Scored]:
    """The answers in a folder, counted; the seed becomes part of their ids."""
    path = folder / results.PREDICTIONS
    if not path.is_file():
        return []
    counted = results.tally(predictions.read(path), WORLD)
    return [
        replace(
            one,
            counts=replace(one.counts, id=f"{one.counts.id}/{seed}"),
            prediction=replace(one.prediction, id=f"{one.prediction.id}/{seed}"),
        )
        for one in counted
    ]


def _of(found: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The rows of a run, one for each seed."""
    return [row for row in found if row["name"] == name]


def _lines(run: Run, found: Sequence[dict[str, Any]], beyond: Mapping[tuple[str, str], Difference]) -> list[list[str]]:
    """A line for each way in which a run's layer policy was applied."""
    made, lot = [], _of(found, run.name)
    for use in lot[0]["evaluations"] if lot else ():
        asked = [row["evaluations"][use] for row in lot]
        made.append(
            [
                run.name if use == OWN else f"{run.name}, {use}",
                str(len(lot)),
                *(_number(asked, name) for name in NUMBERS),
                _gain(run, beyond.get((run.name, use))),
                spread((row["seconds_step"] for row in lot), 2),
                spread((one["seconds_answer"] for one in asked), 3),
                f"{lot[0]['parameters']:,}",
            ]
        )
    return made


def _number(asked: list[dict[str, Any]], name: str) -> str:
    """A number's mean and spread over the seeds; of one seed its bootstrap interval."""
    text = spread(one["numbers"][name] for one in asked)
    between = asked[0]["intervals"][name]
    return text if len(asked) > 1 or between is None else f"{text} ({between[0]:.3f} .. {between[1]:.3f})"


def _gain(run: Run, found: Difference | None) -> str:
    """With its 95% interval: "all: +0.012 (-0.008 .. +0.031)"."""
    if found is None:
        return "-"
    return f"{run.against}: {found.value:+.3f} ({found.low:+.3f} .. {found.high:+.3f})"


def _estimate(lot: list[dict[str, Any]]) -> list[str] | None:
    """The line of a run's first evaluation."""
    if not lot:
        return None
    both = [next(iter(row["evaluations"].values()))["estimate"] for row in lot]
    every, some = [one["all"] for one in both], [one["overlapping"] for one in both]
    return [
        lot[0]["name"],
        str(len(lot)),
        str(sum(one["masks"] for one in every)),
        *(spread(one[key] for one in every) for key in ("mean_estimate", "mean_iou", "pearson", "spearman")),
        *(spread(one[key] for one in some) for key in ("pearson", "spearman")),
    ]


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines))


def _made(found: Sequence[dict[str, Any]]) -> str:
    """What the figures depend on."""
    first: dict[str, Any] = {}
    for row in found:
        first |= row["settings"]
    length = f"{first['steps']} steps of {first['batch']} pictures"
    if "grpo_steps" in first:
        length += f", runs that go on {first['grpo_steps']} steps of {first['grpo_batch']}"
    commits = ", ".join(sorted({row["commit"] for row in found}))
    return (
        f"{len(found)} runs, {length}; {first['scenes']} scenes of `val`, answered freely; {first['threads']} threads "
        f"each, {found[0]['device']}; commit {commits}. Numbers are means over the seeds +- their standard deviation; "
        "of one seed the 95% bootstrap interval stands in brackets."
    )
