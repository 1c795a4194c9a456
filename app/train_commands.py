"""What ``pinpoint merge`` and ``pinpoint push`` do."""

import argparse
from pathlib import Path


def merge(args: argparse.Namespace) -> int:
    """Make a plain checkpoint of a run."""
    if not args.run.is_dir():
        raise ValueError(f"no run at {args.run}: name the folder that the recipe's 'out' names")
    import torch

    from train import merging

    dtype = None if args.dtype is None else getattr(torch, args.dtype)
    step = merging.merge(args.run, args.out, args.step, dtype)
    print(f"wrote {args.out}: the model of {args.run} after {step:,} steps")
    return 0


def push(args: argparse.Namespace) -> int:
    """Write a model card and upload a checkpoint."""
    if args.repository.count("/") != 1 or not all(args.repository.split("/")):
        raise ValueError(f"{args.repository!r} is no repository: write OWNER/NAME")
    folder, run = _made(args.folder)
    from model.released.download import gigabytes
    from model.released.hub import Hub
    from train import card

    text = card.card(folder, run, args.repository, args.licence)
    if args.dry_run:
        print(text)
    elif card.write(folder, text):
        print(f"{folder / 'README.md'} is not of ours and stays as it is")
    files = uploaded(folder)
    what = f"{len(files)} files, {gigabytes(sum(path.stat().st_size for path in files))}"
    if args.dry_run:
        print(f"{what}, would go to {args.repository}")
        return 0
    print(f"{what}: {Hub(args.endpoint).push(folder, args.repository, args.private)}")
    return 0


def uploaded(folder: Path) -> list[Path]:
    """The files of a checkpoint; hidden ones stay."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _made(folder: Path) -> tuple[Path, Path | None]:
    """A checkpoint, given by itself or by the run that made it, and that run, or what it holds of it, if it is
    known."""
    from train.card import RUN

    for made in (folder, folder / "model"):
        if (made / "config.json").is_file():
            runs = (made / RUN, made.absolute().parent)
            return made, next((run for run in runs if (run / "recipe.yaml").is_file()), None)
    if (folder / "recipe.yaml").is_file():
        raise ValueError(f"{folder} has no model yet: `pinpoint merge {folder} OUT` makes one of its saved state")
    raise ValueError(f"no checkpoint at {folder}: name a folder that holds config.json, or a run's folder")
