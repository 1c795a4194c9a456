"""``python -m benchmarks.paradigms``: every run trained, evaluated, and added to one results file."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from app.arguments import ROOT, Parser
from benchmarks.paradigms import asking, rows, table, training
from benchmarks.paradigms.plan import OWN, RUNS, Job, jobs
from benchmarks.paradigms.training import Settings
from data import provenance
from eval import journal

LOOK = 10.0  # seconds between looks at what other processes have finished


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is not finished, or print the table; returns the exit code, 2 for what the person who typed can mend."""
    args = parser().parse_args(argv)
    try:
        if args.list:
            width = max(len(run.name) for run in RUNS)
            print("\n".join(f"{run.name:{width}}  {run.question:13}  {run.about}" for run in RUNS))
            return 0
        if args.out is None:
            raise ValueError("--out: name the folder of the runs and their results")
        if args.table:
            print(table.write(args.out))
            return 0
        return work(jobs(args.only, args.seeds), args, args.out.resolve())
    except (ValueError, OSError) as error:
        print(f"benchmarks: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def parser() -> Parser:
    """The words of the command."""
    made = Parser(
        prog="python -m benchmarks.paradigms",
        description="Train every paradigm and layer policy from one start, evaluate each, and compare. A run that was "
        "stopped goes on; several of these commands may work on one folder at the same time.",
    )
    made.add_argument("--out", type=Path, metavar="DIR", help="of the runs and results.jsonl")
    made.add_argument("--start", type=Path, metavar="DIR", default=ROOT / "runs/tiny/pretrain/model")
    made.add_argument("--segmenter", type=Path, metavar="DIR", default=ROOT / "runs/tiny/segmenter/model")
    made.add_argument("--seeds", type=int, nargs="+", metavar="N", default=[0, 1, 2], help="of new weights and draws")
    made.add_argument("--steps", type=_count, default=130, help="of each run (default 130)")
    made.add_argument("--batch", type=_count, default=16, help="pictures a step (default 16)")
    made.add_argument("--grpo-steps", type=_count, default=40, help="of a run that goes on from another (default 40)")
    made.add_argument("--grpo-batch", type=_count, default=8, help="questions or pictures a step of such (default 8)")
    made.add_argument("--scenes", type=_count, default=300, help="of val, asked about (default 300)")
    made.add_argument("--threads", type=_count, default=1, help="of the CPU (default 1)")
    made.add_argument("--only", nargs="+", metavar="NAME", help="runs; all of them if left out")
    made.add_argument("--list", action="store_true", help="print the runs")
    made.add_argument("--table", action="store_true", help=f"print what is finished, and write it to DIR/{table.FILE}")
    return made


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def work(left: list[Job], args: argparse.Namespace, out: Path) -> int:
    """Do the jobs that nobody has finished or is at; returns 0 when all are finished, else the code of a training that
    was stopped.

    Raises:
        ValueError: a finished or half-finished job has other settings, a job needs one that is not there, or a training
            fails.
    """
    settings = Settings(
        str(args.start.resolve()),
        str(args.segmenter.resolve()),
        args.steps,
        args.batch,
        args.grpo_steps,
        args.grpo_batch,
    )
    for name in ("start", "segmenter"):
        if not (getattr(args, name) / "config.json").is_file():
            raise ValueError(f"--{name}: {getattr(args, name)} is no checkpoint: train it first (docs/training.md)")
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    torch.set_num_threads(args.threads)
    shared = {name: provenance.digest(getattr(args, name)) for name in ("start", "segmenter")}
    shared |= {"scenes": args.scenes, "threads": args.threads}
    shared |= {name: getattr(settings, name) for name in ("steps", "batch", "grpo_steps", "grpo_batch")}
    for row in rows.read(out):  # all are in one table
        _agree(row, {name: shared.get(name) for name in row["settings"]}, out)
    told = {job: _own(job, shared) for job in left}
    for job in left:
        if job.after is not None and job.after not in left and rows.find(out, job.after.run.name, job.seed) is None:
            raise ValueError(
                f"{job.name} goes on from {job.after.name}, which is not finished: name it, too, in --only"
            )
    while left:
        free = _next(left, told, out)
        if free is None:
            if left:
                time.sleep(LOOK)
            continue
        with rows.locked(out / "runs" / free.name / ".lock") as mine:
            if mine and not _finished(free, told[free], out):
                code = perform(free, settings, told[free], out)
                if code:
                    return code
    return 0


def _own(job: Job, shared: dict[str, Any]) -> dict[str, Any]:
    """The settings that a job depends on."""
    return {name: value for name, value in shared.items() if job.after is not None or not name.startswith("grpo_")}


def _agree(row: dict[str, Any], settings: dict[str, Any], out: Path) -> None:
    journal.compare(row["settings"], settings, f"{out / rows.FILE} has a run {row['name']}-{row['seed']}")


def _next(left: list[Job], told: dict[Job, dict[str, Any]], out: Path) -> Job | None:
    """The first job that can be done now; drops those that are finished. None if others are at all of them, or at what
    they go on from."""
    left[:] = [job for job in left if not _finished(job, told[job], out)]
    for job in left:
        if job.after is not None and rows.find(out, job.after.run.name, job.seed) is None:
            continue
        with rows.locked(out / "runs" / job.name / ".lock") as free:
            if free and not training.at_work(job, out):
                return job
    return None


def _finished(job: Job, settings: dict[str, Any], out: Path) -> bool:
    row = rows.find(out, job.run.name, job.seed)
    if row is not None:
        _agree(row, settings, out)
    return row is not None


def perform(job: Job, settings: Settings, told: dict[str, Any], out: Path) -> int:
    """Train and evaluate a job, or go on with it, and add its row; returns the exit code of the training.

    Raises:
        ValueError: it was begun with other settings, or fails.
    """
    folder = out / "runs" / job.name
    _claim(folder / "settings.json", told)
    print(f"{job.name}: {job.run.about}", file=sys.stderr, flush=True)
    begin = time.perf_counter()
    code = training.train(job, settings, out)
    if code in (130, 143):
        return code
    if code:
        raise ValueError(f"the training of {job.name} ended with code {code}; {folder / 'log.txt'} says more")
    trained = time.perf_counter() - begin
    evaluations = {
        use or OWN: asking.evaluate(
            folder / "model", asking.folder(out, job, use or OWN), told["scenes"], told["threads"], use
        )
        for use in job.run.uses
    }
    row = {
        "name": job.run.name,
        "seed": job.seed,
        "settings": told,
        **training.facts(job, out),
        "evaluations": evaluations,
        "commit": provenance.commit(),
        "device": provenance.device_name("cpu"),
        "seconds": {"train": round(trained, 1), "all": round(time.perf_counter() - begin, 1)},
    }
    rows.add(out, row)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # the model stays: others may go on from it
    numbers = next(iter(evaluations.values()))["numbers"]
    print(f"{job.name}: " + ", ".join(f"{name} {_short(value)}" for name, value in numbers.items()), flush=True)
    return 0


def _claim(path: Path, told: dict[str, Any]) -> None:
    """Note a job's settings when it is begun; refuse to go on with it under others."""
    if path.is_file():
        journal.compare(journal.read(path), told, f"{path.parent} holds an unfinished run")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    journal.store(path, json.dumps(told, indent=2) + "\n")


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
