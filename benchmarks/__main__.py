"""``python -m benchmarks``, or ``make bench``: one table of speed and memory, ours against the published way.

python -m benchmarks --only points trace
python -m benchmarks --size tiny small --write docs/results
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from app.arguments import Parser
from benchmarks import items, table
from benchmarks.bench import SIZES, Bench
from benchmarks.harness import Result

FILE = "performance"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code, 2 for what the person who typed can mend."""
    args = parser().parse_args(argv)
    try:
        names = args.only or items.available()
        modules = {name: items.load(name) for name in names}
        if args.list:
            for name, module in modules.items():
                print(f"{name:10}  {' '.join((module.__doc__ or '').split())}")
            return 0
        measure(args, list(modules))
    except (ValueError, OSError) as error:
        print(f"benchmarks: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The words of the command."""
    made = Parser(prog="python -m benchmarks", description="Speed and memory, ours against the published way.")
    made.add_argument("--only", nargs="+", metavar="NAME", help="items to measure; all of them if left out")
    made.add_argument("--size", nargs="+", choices=SIZES, default=["tiny"], help="of the model (default: tiny)")
    made.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    made.add_argument("--repeats", type=int, help="runs of each way; at most five within a time if left out")
    made.add_argument("--json", action="store_true", help="print JSON instead of the table")
    made.add_argument("--list", action="store_true", help="print the items and what they measure")
    made.add_argument(
        "--write", type=Path, metavar="FOLDER", help=f"also write {FILE}.txt and {FILE}.json into a folder"
    )
    return made


def measure(args: argparse.Namespace, names: list[str]) -> None:
    """Run the items of each size and give what they found.

    Raises:
        ValueError: no such device, a number of repeats below 1, or too little memory.
    """
    if args.repeats is not None and args.repeats < 1:
        raise ValueError(f"--repeats: {args.repeats} runs measure nothing; ask for 1 or more")
    device = _device(args.device)
    about = table.environment(device)
    made: list[dict[str, object]] = []
    texts = [", ".join(f"{key} {value}" for key, value in about.items())]
    if not args.json:
        print(texts[0], flush=True)
    for size in args.size:
        begin, results = time.perf_counter(), _results(Bench(size, device, args.repeats), names)
        took = time.perf_counter() - begin
        texts.append(f"\nsize {size}, {took:.0f} s\n\n{table.text(results)}")
        if not args.json:
            print(texts[-1], flush=True)
        made += [{"size": size, **result.as_json()} for result in results]
    whole = json.dumps({"environment": about, "results": made}, indent=1)
    if args.json:
        print(whole)
    if args.write:
        args.write.mkdir(parents=True, exist_ok=True)
        (args.write / f"{FILE}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        (args.write / f"{FILE}.json").write_text(whole + "\n", encoding="utf-8")


def _results(bench: Bench, names: list[str]) -> list[Result]:
    results: list[Result] = []
    for name in names:
        begin = time.perf_counter()
        results += items.load(name).run(bench)
        print(f"{bench.size} {name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    bench.close()
    return results


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"--device: there is no {name!r}; take cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device: torch finds no GPU here; take cpu")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"--device: {name!r} is not measured here; take cpu or cuda")
    return device


if __name__ == "__main__":
    sys.exit(main())
