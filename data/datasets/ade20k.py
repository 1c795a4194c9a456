"""ADE20K as the scene parsing challenge gives it: 150 classes, label maps under ``ade20k/annotations``."""

from pathlib import Path

from data.datasets._labels import VOID, Folders, Legend, published_classes, sources
from data.datasets.base import Source, Wanted

NAME = "ade20k"


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """Its splits, named as in the published loaders and folders: ``train`` (training) and ``validation``."""
    folders = [
        Folders(split, f"ade20k/annotations/{folder}", (f"ade20k/images/{folder}",))
        for split, folder in (("train", "training"), ("validation", "validation"))
    ]
    return sources(root, NAME, tuple(folders), _legend)


def _legend(root: Path) -> Legend:
    """1 is the first class; 0 is everything else."""
    return Legend(dict(enumerate(published_classes(NAME), start=1)), frozenset((0, VOID)))
