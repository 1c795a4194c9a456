"""``pinpoint train RECIPE [key=value ...]``: check the recipe, then run the DeepSpeed launcher on :mod:`train.run`."""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from train.recipe import Recipe, load, names

ROOT = Path(__file__).resolve().parent.parent


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(
        prog="pinpoint train",
        description="Train a stage. A run that was stopped goes on from its last checkpoint when started again.",
    )
    made.add_argument("recipe", nargs="?", help="a recipe's name (see --list) or a YAML file")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="settings that replace the recipe's")
    made.add_argument("--list", action="store_true", help="print the recipes that ship and stop")
    made.add_argument("--restart", action="store_true", help="throw an earlier run in the same folder away")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code of the training processes.

    Raises:
        ValueError: the recipe or an override is wrong; nothing was started.
    """
    args = parser().parse_args(argv)
    if args.list:
        print("\n".join(names()))
        return 0
    if args.recipe is None:
        raise ValueError(f"which recipe? One of: {', '.join(names())}")
    recipe = load(args.recipe, args.overrides)
    check(recipe)
    for path in locks():
        print(
            f"pinpoint train: {path} says that another process compiles this part of DeepSpeed, and the run waits for "
            "it. If none does (one was killed meanwhile), delete that file.",
            file=sys.stderr,
        )
    return subprocess.call(command(args, recipe), env=environment(recipe), cwd=os.getcwd())


def check(recipe: Recipe) -> None:
    """Find in a second what would otherwise fail after minutes.

    Raises:
        ValueError: an objective, a dataset, a start or a DeepSpeed file that is not there, or options that do not fit.
    """
    from data.settings import build
    from model import config
    from train import objectives
    from train.recipe import DEEPSPEED

    objective = objectives.load(recipe.objective)
    options = build(objective.Options, recipe.options, "options")
    if hasattr(objective, "check"):
        objective.check(options)
    if not (DEEPSPEED / f"{recipe.deepspeed}.json").is_file():
        known = ", ".join(sorted(path.stem for path in DEEPSPEED.glob("*.json")))
        raise ValueError(f"deepspeed: no file {recipe.deepspeed!r} in train/deepspeed; there are {known}")
    for where in (recipe.init, *recipe.take.values()):
        if where not in config.presets() and not (Path(where) / "config.json").is_file():
            raise ValueError(
                f"{where!r} is neither a preset ({', '.join(config.presets())}) nor a checkpoint folder: "
                "run the recipe before this one, or name a folder that holds config.json"
            )


def locks() -> list[Path]:
    """Locks of extensions under compilation. A process killed while it held one leaves it, and torch then waits for
    ever without a word."""
    from torch.utils.cpp_extension import get_default_build_root

    root = os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root()
    return sorted(Path(root).glob("**/deepspeed_*/lock"))


def command(args: argparse.Namespace, recipe: Recipe) -> list[str]:
    """The DeepSpeed launcher's command line (``--module``: a file run as a script would shadow modules)."""
    words = [sys.executable, "-m", "deepspeed.launcher.runner", "--num_accelerators", str(recipe.processes)]
    words += ["--master_port", str(_free_port()), "--module", "train.run", args.recipe, *args.overrides]
    return [*words, "--restart"] if args.restart else words


def environment(recipe: Recipe) -> dict[str, str]:
    """The processes share the cores; the project is importable whatever folder the command was typed in."""
    threads = max(1, (os.cpu_count() or 1) // recipe.processes)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **os.environ, "PYTHONPATH": path}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
