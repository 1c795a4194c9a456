"""``pinpoint train RECIPE [key=value ...]``: check the recipe, then run the DeepSpeed launcher on :mod:`train.run`."""

import argparse
import difflib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from train.recipe import Recipe, load, names, purpose
from train.stopping import handing_on

ROOT = Path(__file__).resolve().parent.parent
# What reaches other machines, each with the program by which DeepSpeed sees that it is installed.
LAUNCHERS = {
    "pdsh": "pdsh",
    "openmpi": "ompi_info",
    "mpich": "mpirun",
    "impi": "mpirun",
    "slurm": "sinfo",
    "mvapich": "mpiname",
}


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(
        prog="pinpoint train",
        description="Train a stage. A run that was stopped goes on from its last checkpoint when started again.",
    )
    made.add_argument("recipe", nargs="?", help="a recipe's name (see --list) or a YAML file")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="settings that replace the recipe's")
    made.add_argument("--list", action="store_true", help="print the recipes that ship, each with what it is for")
    made.add_argument("--dry-run", action="store_true", help="check all that can be checked in seconds, and stop")
    made.add_argument("--restart", action="store_true", help="throw an earlier run in the same folder away")
    several = made.add_argument_group("several machines", "docs/recipes.md shows each way")
    several.add_argument("--hostfile", metavar="FILE", help="'NAME slots=8' a line; the recipe's 'hosts'")
    several.add_argument("--launcher", metavar="NAME", help="reaches the others: pdsh (default), slurm, ...")
    several.add_argument("--node", type=int, metavar="N", help="start line N of FILE alone, on this machine")
    several.add_argument("--address", metavar="HOST", help="of machine 0 (default: the first of the file)")
    several.add_argument("--port", type=int, metavar="PORT", help="of machine 0 (default: a free one)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code of the training processes.

    Raises:
        ValueError: the recipe or an override is wrong; nothing was started.
    """
    args = parser().parse_intermixed_args(argv)  # settings may follow options
    if args.list:
        width = max(map(len, names()))
        print("\n".join(f"{name:{width}}  {purpose(name)}" for name in names()))
        return 0
    if args.recipe is None:
        raise ValueError(f"which recipe? One of: {', '.join(names())}")
    if args.hostfile is not None:
        args.overrides.append(f"hosts={json.dumps(args.hostfile)}")
    recipe = load(args.recipe, args.overrides)
    check(recipe)
    check_start(args, recipe)
    if args.dry_run:
        from train.rehearsal import rehearse

        for found in rehearse(recipe):
            print(found, flush=True)
        return 0
    from train import rounded

    rounded.check_start(recipe)
    check_reach(args, recipe)
    for path in locks():
        print(
            f"pinpoint train: {path} says that another process compiles this part of DeepSpeed, and the run waits for "
            "it. If none does (one was killed meanwhile), delete that file.",
            file=sys.stderr,
        )
    with handing_on():
        code = subprocess.call(command(args, recipe), env=environment(recipe), cwd=os.getcwd(), start_new_session=True)
    return code if code >= 0 else 128 - code  # as a shell has it: it ended by a signal


def check(recipe: Recipe) -> None:
    """Find in a second what would otherwise fail after minutes.

    Raises:
        ValueError: an objective, a dataset, a start or a DeepSpeed file that is not there, or options that do not fit.
    """
    from data.settings import build
    from train import objectives, origin, validation
    from train.recipe import DEEPSPEED

    if "wandb" in recipe.report and importlib.util.find_spec("wandb") is None:
        raise ValueError("report: wandb needs the package wandb: pip install wandb, or leave it out")
    objective = objectives.load(recipe.objective)
    options = build(objective.Options, recipe.options, "options")
    if hasattr(objective, "check"):
        objective.check(options)
    if not (DEEPSPEED / f"{recipe.deepspeed}.json").is_file():
        known = ", ".join(sorted(path.stem for path in DEEPSPEED.glob("*.json")))
        raise ValueError(f"deepspeed: no file {recipe.deepspeed!r} in train/deepspeed; there are {known}")
    origin.check(recipe)
    validation.check(recipe)


def check_start(args: argparse.Namespace, recipe: Recipe) -> None:
    """See that the command's words fit the machines, and that ``out`` is a place for this run.

    Raises:
        ValueError: the hostfile, a launcher or a line is not there; or ``out`` holds another run.
    """
    from train import rundir
    from train.rehearsal import hosts

    machines = hosts(recipe)
    if args.launcher not in (None, *LAUNCHERS):
        near = difflib.get_close_matches(args.launcher, LAUNCHERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(LAUNCHERS)}"
        raise ValueError(f"--launcher: no launcher {args.launcher!r}: {hint}")
    if args.node is not None and machines and not 0 <= args.node < len(machines):
        raise ValueError(f"--node: {recipe.hosts} has machines 0 to {len(machines) - 1}, and not {args.node}")
    rundir.check(recipe, sum(machines.values()) or recipe.processes, args.restart)


def check_reach(args: argparse.Namespace, recipe: Recipe) -> None:
    """See that this machine has what reaches the others; a dry run needs none of it.

    Raises:
        ValueError: a program is not installed.
    """
    from train.rehearsal import hosts

    if recipe.hosts is None or args.node is not None:
        return
    launcher = args.launcher or "pdsh"
    for program in ("ssh", LAUNCHERS[launcher]) if len(hosts(recipe)) > 1 else ("ssh",):
        if shutil.which(program) is None:
            raise ValueError(
                f"--launcher: {launcher} needs {program}, which is not installed: install it, name another launcher, "
                "or start each machine by itself with --node"
            )


def locks() -> list[Path]:
    """Locks of extensions under compilation. A process killed while it held one leaves it, and torch then waits for
    ever without a word."""
    from torch.utils.cpp_extension import get_default_build_root

    root = os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root()
    return sorted(Path(root).glob("**/deepspeed_*/lock"))


def command(args: argparse.Namespace, recipe: Recipe) -> list[str]:
    """The DeepSpeed launcher's command line (``--module``: a file run as a script would shadow modules).

    Raises:
        ValueError: the words on several machines do not fit together.
    """
    words = [sys.executable, "-m", "deepspeed.launcher.runner"]
    if recipe.hosts is None:
        if (args.node, args.launcher, args.address) != (None, None, None):
            raise ValueError("--node, --launcher and --address go with --hostfile: name the file of the machines")
        words += ["--hostfile", os.devnull, *_devices(recipe)]
        words += ["--master_port", str(args.port or _free_port())]
    else:
        words += _machines(args, recipe.hosts)
    words += ["--module", "train.run", args.recipe, *args.overrides]
    return [*words, "--restart"] if args.restart else words


def _devices(recipe: Recipe) -> list[str]:
    """The launcher's words for the GPUs of this machine. Told a number alone it takes the first ones, whatever
    CUDA_VISIBLE_DEVICES says."""
    ids = visible()
    if ids is None:
        return ["--num_accelerators", str(recipe.processes)]
    if len(ids) < recipe.processes:
        raise ValueError(f"processes: {recipe.processes} need a GPU each, and CUDA_VISIBLE_DEVICES names {len(ids)}")
    if not all(name.isdecimal() for name in ids):
        raise ValueError("CUDA_VISIBLE_DEVICES: the launcher knows GPUs by their numbers alone: write 0,1 for example")
    return ["--include", f"localhost:{','.join(ids[: recipe.processes])}"]


def visible() -> list[str] | None:
    """The GPUs that CUDA_VISIBLE_DEVICES names; None if it is not set, or there are none."""
    import torch

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [name.strip() for name in given.split(",")] if given and torch.cuda.is_available() else None


def _machines(args: argparse.Namespace, hosts: str) -> list[str]:
    """The launcher's words for several machines: reached from this one, or this one's part alone."""
    words = ["--hostfile", hosts]
    if args.node is not None:
        if args.port is None or args.address is None:
            raise ValueError("--node needs --port and --address, the same on every machine: where machine 0 is met")
        words += ["--no_ssh", "--node_rank", str(args.node)]
    if args.launcher is not None:
        words += ["--launcher", args.launcher]
    if args.address is not None:
        words += ["--master_addr", args.address]
    return [*words, "--master_port", str(args.port or _free_port())]


def environment(recipe: Recipe) -> dict[str, str]:
    """The processes share the cores; the project is importable whatever folder the command was typed in."""
    from train.rehearsal import hosts

    here = max(hosts(recipe).values(), default=recipe.processes)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // here))}
    made = {**own, **os.environ, "PYTHONPATH": path}
    if recipe.hosts is None and visible() is not None:
        del made["CUDA_VISIBLE_DEVICES"]  # the launcher is told, and would say that it ignores it
    return made


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
