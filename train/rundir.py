"""A run's folder: who is at work in it, what was begun there, and whether a recipe goes on with that."""

import contextlib
import errno
import fcntl
import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml

from data.settings import build
from eval import journal
from model.config import presets
from model.released import here
from train import objectives
from train.recipe import Recipe
from train.saving import last_checkpoint

log = logging.getLogger(__name__)

RECIPE, FACTS, LOG, LOCK = "recipe.yaml", "run.json", "log.txt", ".lock"
SHOWN = 3
# What may change while a run goes on. Some of the rest changes what is learned; some, as learning rates, which are kept
# with the moments, would change nothing.
FREE = {"out", "steps", "warmup", "decay", "decay_shape", "workers", "processes", "hosts", "log_steps", "keep"}
FREE |= {"save_steps", "save_minutes", "explodes", "report", "recompute", "bucket"}
FREE_OPTIONS = {"root", "faults", "features", "features_gb", "pictures"}


def _free(key: str) -> bool:
    return key in FREE or key.startswith("validate")


def check(recipe: Recipe, processes: int, restart: bool = False) -> None:
    """See that the recipe's ``out`` is a place for its run.

    Args:
        recipe: of the run that is to begin, or to go on.
        processes: of the run, on all machines.
        restart: whether what is there is to be thrown away.

    Raises:
        ValueError: the folder holds steps of another run, or, with ``restart``, no run at all.
    """
    out = Path(recipe.out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"out: {out} is a file: name a folder")
    if restart:
        if not (out / FACTS).is_file() and out.is_dir() and {path.name for path in out.iterdir()} - {LOG, LOCK}:
            raise ValueError(
                f"--restart: {out} holds files and no run ({FACTS}): empty it by hand, or name another out"
            )
        return
    _, step = last_checkpoint(out)
    changes = _changes(recipe, processes) if step else []
    if changes:
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise ValueError(
            f"{out} holds {step} steps of another run ({'; '.join(changes[:SHOWN])}{more}): name another out, go on "
            "with its own settings, or throw it away with --restart"
        )


def _changes(recipe: Recipe, processes: int) -> list[str]:
    """In words, what makes a recipe another one than that of the run in its ``out``."""
    path, facts = Path(recipe.out) / RECIPE, read_facts(Path(recipe.out))
    if not path.is_file():
        return []
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        held = None
    if not isinstance(held, Mapping):
        raise ValueError(f"{path} is damaged: put it back, name another out, or begin anew with --restart")
    given = asdict(recipe)
    # Keys that later versions added have their defaults, and those that they left out are passed over.
    kept = {key: held[key] for key in given if key in held and not _free(key)}
    before = build(Recipe, kept | {key: value for key, value in given.items() if _free(key)}, str(path))
    if before.objective != recipe.objective:
        return [f"objective: {before.objective} there, {recipe.objective} here"]
    one, two = _flat(_whole(before, Path(facts.get("folder", ".")))), _flat(_whole(recipe, Path()))
    found = [(key, one.get(key), two.get(key)) for key in {**one, **two}]
    found.append(("processes", facts.get("processes", processes), processes))
    return [f"{key}: {old} there, {new} here" for key, old, new in found if old != new]


def _whole(recipe: Recipe, base: Path) -> dict[str, Any]:
    """What makes a run another one: options with their defaults, and folders by one name, whatever they were called.

    Args:
        recipe: of the run.
        base: the folder that its relative paths begin in.
    """
    options = objectives.load(recipe.objective).Options
    known = {field.name for field in fields(options)}
    made = build(options, {key: value for key, value in recipe.options.items() if key in known}, "options")
    return {key: value for key, value in asdict(recipe).items() if not _free(key)} | {
        "init": _place(recipe.init, base),
        "take": {part: _place(where, base) for part, where in recipe.take.items()},
        "options": {key: value for key, value in asdict(made).items() if key not in FREE_OPTIONS},
    }


def _place(name: str, base: Path) -> str:
    return name if name in presets() else str(here(base / name) or here(name) or (base / name).resolve())


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in values.items():
        made |= _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return made


@contextlib.contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Keep other runs out of a run's folder, which is made if it is not there.

    Raises:
        ValueError: another process is at work in it, or it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"out: {out} cannot be written ({error.strerror}): name another folder") from error
    with file:
        try:  # no flock: data workers would inherit it, and outlive a process that was killed
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                file.seek(0)
                who = file.read().strip() or "another process"
                raise ValueError(f"{out} is in use: {who} trains there; end it, or name another out") from error
            log.warning("%s cannot be locked (%s): start no second run in it", out, error.strerror)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def clear(out: Path) -> None:
    """Delete all that is in a run's folder, which this process has claimed."""
    for path in out.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def read_facts(out: Path) -> dict[str, Any]:
    """What ``run.json`` tells of the newest start of a run; empty if it is not there, or damaged."""
    try:
        return journal.read(out / FACTS)
    except (OSError, ValueError):
        return {}


def describe(recipe: Recipe, facts: dict[str, Any], step: int) -> None:
    """Write ``recipe.yaml`` and ``run.json`` of a start; those that led to its first state stay in the latter.

    Args:
        recipe: of the run, resolved.
        facts: of this start.
        step: of the state that it goes on from; 0 if from none.
    """
    out = Path(recipe.out)
    before = read_facts(out) if step else {}
    earlier = [*before.pop("earlier", []), *([before] if before else [])]
    journal.store(out / RECIPE, yaml.safe_dump(asdict(recipe), sort_keys=False))
    journal.store(out / FACTS, json.dumps({**facts, "from_step": step, "earlier": earlier}, indent=2) + "\n")
