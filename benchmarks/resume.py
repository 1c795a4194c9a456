"""Whether a run loses anything: killed at random against left alone, and by one process against several.

python -m benchmarks.resume
python -m benchmarks.resume --kills 5 --steps 24 --processes 1 2 4 --pictures 4 --seed 0

Instruction tuning (``tiny/instruct``) goes on from a checkpoint, in float32, with one thread a process and no dropout.
Its training process is killed (``kill -9``) at moments drawn by the seed, and the same command is given again.
Then so many processes take the first steps with the same pictures a step; the tower, whose batch norms would take each
process's own pictures for all, does not learn there. What is compared is every loss of every logged step, also of those
that were taken twice.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import psutil

from app.arguments import CHECKPOINT
from data.provenance import commit
from train import recipe
from train.stopping import training

ROOT = Path(__file__).resolve().parent.parent
EVERY = 4  # steps between two saves
# Every mask of every picture and no click: what is drawn by chance depends on the process.
ALL = "{conversations: 3, images: 4, masks: 100, corrected: 0.0}"
LOSSES = ("loss", "ce", "map_bce", "map_dice", "bce", "dice", "iou")

Lines = list[dict[str, float]]


def words(out: Path, start: Path, steps: int, *more: str) -> list[str]:
    """The command of a run."""
    given = [f"init={start}", "take={}", f"out={out}", f"steps={steps}", "decay=0", "warmup=5", "precision=fp32"]
    given += ["log_steps=1", f"save_steps={EVERY}", "workers=1", "report=[]", *more]
    return [sys.executable, "-m", "app.cli", "train", "tiny/instruct", *given]


def still() -> dict[str, float]:
    """The rates of ``tiny/instruct`` but those of the vision tower."""
    rates = recipe.load("tiny/instruct").train
    return {expression: rate for expression, rate in rates.items() if "vision_tower" not in expression}


def begin(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a run; what it says goes to a file."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log.open("ab") as file:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file)


def finish(command: list[str], out: Path) -> Lines:
    """Run to the end; what it logged.

    Raises:
        RuntimeError: it failed; its own words are named.
    """
    log = out.with_suffix(".txt")
    if begin(command, log).wait():
        raise RuntimeError(f"a run failed: {log.read_text()[-1500:]}")
    return lines(out)


def lines(out: Path) -> Lines:
    """What a run logged, in the order that it did."""
    path = out / "log.jsonl"
    rows = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    made = []
    for row in rows:
        try:
            made.append(json.loads(row))
        except json.JSONDecodeError:  # killed while it wrote
            continue
    return [row for row in made if "loss" in row]


def killed(command: list[str], out: Path, moments: Sequence[int], rng: Random) -> Iterator[tuple[int, int]]:
    """Start a run again and again, and kill its training process a moment after each of the steps ``moments``; the last
    time leave it alone. Yields the step of each kill, and the step that the next start went on from.

    Raises:
        RuntimeError: it ended by itself before.
    """
    log = out.with_suffix(".txt")
    for moment in moments:
        known, run = len(lines(out)), begin(command, log)
        while not any(row["step"] >= moment for row in lines(out)[known:]):
            if run.poll() is not None:
                raise RuntimeError(f"a run ended before step {moment}: {log.read_text()[-1500:]}")
            time.sleep(0.02)
        pace = rng.uniform(0.0, 3.0)  # a step and a save take about as long
        time.sleep(pace)
        if run.poll() is not None:
            raise RuntimeError(f"a run ended before it could be killed, {pace:.1f} s after step {moment}: give --steps")
        step = lines(out)[-1]["step"]
        for process in training(psutil.Process(run.pid)):
            process.kill()
        run.wait()
        saved = [int(path.name.rpartition("-")[2]) for path in (out / "checkpoints").glob("checkpoint-*")]
        yield int(step), max(saved, default=0)


def apart(one: Lines, other: Lines) -> tuple[float, str]:
    """The greatest difference of a loss of the same step, relative to it above 1, and where it is; no number is an
    infinite one.

    Raises:
        ValueError: a step is missing.
    """
    whole = {row["step"]: row for row in one}
    if {row["step"] for row in other} != whole.keys():
        raise ValueError("the runs did not log the same steps")
    found = [
        (abs(row[name] - whole[row["step"]][name]) / max(1.0, abs(row[name])), f"{name}, step {row['step']}")
        for row in other
        for name in LOSSES
        if name in row
    ]
    return max((math.inf if math.isnan(most) else most, where) for most, where in found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both comparisons and print a line for each."""
    parser = argparse.ArgumentParser(description="Whether a run loses anything by kills or by several processes.")
    parser.add_argument("--start", type=Path, default=CHECKPOINT, help="the checkpoint that is tuned")
    parser.add_argument("--steps", type=int, default=24, help="of the run that is killed (default 24)")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--first", type=int, default=20, help="steps that several processes take (default 20)")
    parser.add_argument("--pictures", type=int, default=4, help="a step, of all processes (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    args = parser.parse_args(arguments)
    if any(count < 1 or args.pictures % count for count in args.processes):
        parser.error(f"--processes: each must divide the {args.pictures} pictures of a step (--pictures)")
    rng = Random(args.seed)
    print(f"commit {commit()}, {args.start}, float32, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if args.kills:
            moments = sorted(rng.sample(range(1, args.steps - 3), args.kills))
            small = ["batch=2", "options.conversations=4", "options.images=1", "options.masks=2"]
            whole = finish(words(Path(folder) / "whole", args.start, args.steps, *small), Path(folder) / "whole")
            out = Path(folder) / "killed"
            command = words(out, args.start, args.steps, *small)
            for step, saved in killed(command, out, moments, rng):
                print(f"killed after step {step}, goes on from {saved}", flush=True)
            left = finish(command, out)
            most, where = apart(whole, left)
            twice = len(left) - len(whole)
            print(
                f"{args.kills} kills in {args.steps} steps, {twice} of them taken twice: losses differ by at most "
                f"{most:.1e} ({where})",
                flush=True,
            )
        runs = {}
        for count in args.processes:
            name = Path(folder) / f"processes{count}"
            more = [
                f"options={ALL}",
                f"train={json.dumps(still())}",
                f"batch={args.pictures // count}",
                f"processes={count}",
            ]
            runs[count] = finish(words(name, args.start, args.first, *more), name)
            if count == args.processes[0]:
                continue
            most, where = apart(runs[args.processes[0]], runs[count])
            print(
                f"{count} processes against {args.processes[0]}, {args.pictures} pictures a step, {args.first} steps: "
                f"losses differ by at most {most:.1e} ({where})",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
