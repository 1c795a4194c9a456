"""Checkpoints that are there whole or not at all, and which of them are kept."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from torch import nn

from model import folders
from train.parameters import numel

STAGED = ".saving"  # where a checkpoint is written, beside the others
GONE = ".gone"  # what is being deleted
SCORES = "validation.jsonl"
SPARE = 1.1


def last_checkpoint(out: Path) -> tuple[Path | None, int]:
    """The newest complete checkpoint of a run and its step; (None, 0) if there is none.

    A checkpoint gets its name when all processes have written their part of it.
    """
    found = [(int(path.name.rpartition("-")[2]), path) for path in _complete(out / "checkpoints")]
    step, path = max(found, default=(0, None), key=lambda pair: pair[0])
    return path, step


def _complete(folder: Path) -> Iterator[Path]:
    for path in folder.glob("checkpoint-*"):
        if (path / "trainer_state.json").is_file() and path.name.rpartition("-")[2].isdigit():
            yield path


def publish(staged: Path, path: Path) -> None:
    """Give a checkpoint that was written whole its name, in the place of an older one of that name. It is on the disk
    by then, and the name is when this returns: older checkpoints may go."""
    folders.durable(staged)
    _delete(path)
    staged.rename(path)
    folders.flush(path.parent)


def prune(out: Path, keep: int) -> None:
    """Keep the ``keep`` newest checkpoints and the one that validated best."""
    found = sorted(_complete(out / "checkpoints"), key=lambda path: int(path.name.rpartition("-")[2]))
    best = best_step(out)
    for path in found[: -max(1, keep)]:
        if path.name != f"checkpoint-{best}":
            _delete(path)


def _delete(path: Path) -> None:
    """Take a checkpoint's name away first: a half-deleted one must not look whole."""
    gone = path.with_name(GONE)
    shutil.rmtree(gone, ignore_errors=True)
    if path.exists():
        path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def scores(out: Path) -> list[dict[str, float]]:
    """What validation found, in the order of the steps; of a step that was validated twice the last."""
    path, made = out / SCORES, {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:  # cut off in the middle
                continue
            made[row["step"]] = row
    return [made[step] for step in sorted(made)]


def best_step(out: Path) -> int | None:
    """The step of the best validation gIoU, the first of several; None without validation."""
    found = [row for row in scores(out) if row.get("giou") is not None]
    return int(max(found, key=lambda row: (row["giou"], -row["step"]))["step"]) if found else None


def wanted(out: Path, model: nn.Module) -> int:
    """Bytes that one more checkpoint takes, with the usable model beside it: as much as the newest one, or, before the
    first, the weights, the moments of what learns, and its float32 copy."""
    last, _ = last_checkpoint(out)
    numels = [(getattr(p, "ds_numel", numel(p)), p) for p in model.parameters()]
    weights = sum(count * max(p.element_size(), 2) for count, p in numels)  # rounded ones are saved as they were
    if last is not None:
        return weights + sum(path.stat().st_size for path in last.rglob("*") if path.is_file())
    return 2 * weights + sum(12 * count for count, p in numels if p.requires_grad)


def lacking(out: Path, model: nn.Module) -> str | None:
    """What to say if the disk has no room for one more checkpoint; None if it has."""
    free, need = shutil.disk_usage(out).free, wanted(out, model)
    if free >= SPARE * need:
        return None
    return (
        f"the disk of {out} is full: {free / 1e9:.2f} GB are free and a checkpoint takes {need / 1e9:.2f}; "
        "make room, and the same command goes on from the last checkpoint"
    )
