"""Checkpoint folders: their tensors as they are stored, a new one put in an old one's place, and what is wrong."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn


def stored(module: nn.Module, dtype: torch.dtype | None) -> dict[str, torch.Tensor]:
    """The module's tensors as they are stored: parameters in ``dtype``; buffers, which place points, as they are."""
    learned = {name for name, _ in module.named_parameters()}
    return {
        name: value.detach().to("cpu", dtype if name in learned else None).contiguous()
        for name, value in module.state_dict().items()
    }


def put(folder: Path, made: Path) -> None:
    """Put ``made`` in the place of ``folder``, which comes back if that fails."""
    durable(made)
    old = folder.with_name(f".{folder.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Delete what processes that were killed while they made ``folder`` have left beside it; the old one comes back if
    the new one had not yet taken its place. Call it when no process is at work there."""
    old = folder.with_name(f".{folder.name}-old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    for left in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(left, ignore_errors=True)


def durable(folder: Path) -> None:
    """Wait until all of a folder is on the disk: after a power cut a name that was given before could stand for files
    without their contents."""
    for path in (*folder.rglob("*"), folder):
        flush(path)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError:
        if not path.is_dir():  # some network disks do not know how
            raise
    finally:
        os.close(file)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait. The file stays."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed, also by a process that is killed
        yield


def load(module: nn.Module, path: Path) -> None:
    """Load one part strictly.

    Raises:
        ValueError: the file is missing or damaged, or its tensors are not the module's.
    """
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise damaged(path, error) from error
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(f"{path} does not fit its config.json: {'; '.join(lines)[:300]}") from error


def no_room(device: str | torch.device) -> ValueError:
    """What to say where a model does not fit."""
    return ValueError(f"{device} has too little memory for the model: take fewer bits, offload, or another device")


def damaged(path: Path, error: Exception) -> ValueError:
    """What to say of a file that cannot be read."""
    return ValueError(f"{path} is missing or damaged ({reason(error)}); fetch the checkpoint again")


def reason(error: Exception) -> str:
    """The first line that an error says, or its name."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
