"""Plain COCO: ``coco/annotations/instances_SPLIT2017.json`` with the pictures in ``coco/SPLIT2017``."""

from pathlib import Path

from data.datasets._instances import Layout, Named, sources
from data.datasets.base import Source, Wanted

NAME = "coco"


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """Its splits: ``train``, ``val``."""
    return sources(
        root,
        [
            Layout(NAME, split, f"coco/annotations/instances_{split}2017.json", f"coco/{split}2017", _named)
            for split in ("train", "val")
        ],
    )


def _named(category: str) -> Named:
    return Named(category, category, "class")
