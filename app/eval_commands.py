"""The work behind ``pinpoint eval``: everything typed is checked, then asked, counted and written."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.export import writing
from data import provenance
from eval import benchmarks, clicks, journal, processes, report, results
from eval.results import Run
from eval.run import BLOCK
from eval.table import table
from model.grounding import GroundingModel
from model.placement import Placement


def evaluate(args: argparse.Namespace, checkpoint: Path, placement: Placement) -> int:
    """Evaluate a checkpoint, or go on with it. Of several processes under torchrun only the first prints.

    Raises:
        ValueError: what was typed does not fit together, found before the model is read, or asking cannot go on.
    """
    begin = time.perf_counter()
    benchmark = benchmarks.find(args.benchmark)
    split = args.split or default_split(benchmark)
    work = processes.Work(
        checkpoint=checkpoint,
        out=args.out or Path(),
        benchmark=benchmark.name,
        split=split,
        root=args.data_root,
        count=args.count,
        protocol=args.protocol,
        batch=args.batch,
        blind=args.blind,
        click=args.click,
        threads=args.threads,
        placement=placement,
    )
    placement.check()
    questions, way = work.open()
    among = processes.ranks(args.processes, placement.device)
    if processes.launched() and args.out is None:
        raise ValueError("processes that torchrun has started meet in a folder: name one with --out")
    run = Run(
        benchmark=benchmark.name,
        split=split,
        protocol=way.protocol.name,
        annotations=provenance.fingerprint(questions.files),
        pictures=len(questions),
        blind=args.blind,
        click=args.click,
        batch=args.batch,
        block=BLOCK,
        checkpoint=checkpoint.name,
        sha256=provenance.digest(checkpoint),
        device=provenance.device_name(among[0].device),
        threads=args.threads,
        commit=provenance.commit(),
        versions=provenance.versions(),
        placement=asdict(settled(placement, checkpoint)),
    )
    with folder(args.out) as out:
        values = results.finished(out, run.as_json())
        if values is not None:
            print(f"pinpoint: {out} holds these results already: remove it to ask again", file=sys.stderr)
        else:
            with writing(out):
                journal.begin(out, run.as_json())
            try:
                journals = processes.evaluate(replace(work, out=out), questions, way, among, quiet=args.json)
            except KeyboardInterrupt:
                if args.out is not None:
                    print("pinpoint: stopped; the same command goes on from here", file=sys.stderr)
                return 130
            if journals is None:
                return 0
            took = {
                "finished": now(),
                "seconds": round(time.perf_counter() - begin, 1),
                "asking": round(journals.seconds, 1),
                "processes": among[0].count,
            }
            corrected = journals.corrected() if args.click else None
            with writing(out):
                values = results.write(out, run.as_json(), way.protocol, journals.lines(), sys.argv, took, corrected)
            journal.clear(out)
        if args.out and among[0].first and not (out / report.NAME).exists():
            with writing(out):
                report.make(out, way.protocol, report.pictures_of(questions, way.protocol))
    if among[0].first:
        print(json.dumps(values) if args.json else text(values))
    return 0


def settled(placement: Placement, checkpoint: Path) -> Placement:
    """What a checkpoint will be placed in, found without reading it."""
    return placement.settled(GroundingModel.stored(checkpoint))


def default_split(benchmark: benchmarks.Benchmark) -> str:
    """The one that is evaluated if none is named: never a test split where there is another."""
    return "val" if "val" in benchmark.splits else benchmark.splits[0]


def text(values: dict[str, Any]) -> str:
    """What ``results.json`` says, for people."""
    title = [f"{values['pictures']} pictures", values["protocol"]["name"]]
    if values["benchmark"] is not None:
        title = [values["benchmark"], f"split {values['split']}", *title]
    lines = [", ".join([*title, *(["blind"] if values["blind"] else [])]), table(values)]
    click = values.get("one_click")
    if click and click["masks"]:
        lines.append(
            f"one click on the {click['masks']} masks below {clicks.BELOW}: "
            f"mean IoU {click['before']:.3f} -> {click['after']:.3f}"
        )
    elif click:
        lines.append(f"no mask is below {clicks.BELOW}: no click was given")
    failed = values["failed"]
    if failed["questions"]:
        first = failed["named"][0]
        lines.append(
            f"FAILED, scored zero: {failed['questions']} of {values['questions']} questions; "
            f"the first is {first['id']}: {first['error']}"
        )
    lines.append(f"{values['time']['seconds']:.0f} s")
    return "\n".join(lines)


def now() -> str:
    """The time, for results."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def folder(out: Path | None) -> Iterator[Path]:
    """Where the evaluation lies; for one whose records nobody wants, a folder that goes away."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="pinpoint-eval-") as made:
        yield Path(made)
