"""What made a number: the version of the project, the packages, the device, the checkpoint."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "pillow", "pycocotools", "scipy", "segment-anything", "tokenizers", "torch", "transformers")


def commit() -> str:
    """The checked-out commit, with "+changes" if the tree differs from it; "unknown" outside a git checkout."""
    folder = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Python's version and those of packages; one that is not installed is left out."""
    return {"python": sys.version.split()[0], **dict(_versions(packages))}


def _versions(packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in packages:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def digest(folder: Path) -> str:
    """The SHA-256 of a checkpoint: of the names and contents of its files, but for hidden ones and ``*.md``."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or path.suffix == ".md" or any(part.startswith(".") for part in name.parts):
            continue
        with path.open("rb") as file:
            total.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name.as_posix()}\n".encode())
    return total.hexdigest()


def fingerprint(files: Iterable[Path]) -> str:
    """The SHA-256 of annotations: of the contents of files, and of the names and sizes of what lies in folders."""
    total = hashlib.sha256()
    for path in sorted(files):
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
            total.update("".join(f"{one.relative_to(path)} {one.stat().st_size}\n" for one in inside).encode())
        else:
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def device_name(device: str) -> str:
    """A device in words: a GPU's name, or "cpu" with the instructions that its arithmetic uses."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.backends.cpu.get_cpu_capability()}" if device == "cpu" else device
