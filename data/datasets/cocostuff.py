"""COCO-Stuff: things and stuff of COCO 2017, pixel by pixel. Label maps in ``cocostuff/SPLIT2017``, pictures in
``coco/SPLIT2017`` or beside the label maps."""

from pathlib import Path

from data.datasets._labels import VOID, Folders, Legend, published_classes, sources
from data.datasets.base import Source, Wanted

NAME = "cocostuff"


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """Its splits: ``train``, ``val``."""
    folders = [
        Folders(split, f"cocostuff/{split}2017", (f"coco/{split}2017", f"cocostuff/{split}2017"), own=False)
        for split in ("train", "val")
    ]
    return sources(root, NAME, tuple(folders), _legend)


def _legend(root: Path) -> Legend:
    """A value is the COCO id less one. Classes with a hyphen in their name ("wall-other", "floor-wood") are void, as in
    LISA: nobody asks for them so, and many overlap in meaning with a plain one."""
    classes = dict(enumerate(published_classes(NAME)))
    hyphened = {value for value, name in classes.items() if "-" in name}
    names = {value: name for value, name in classes.items() if value not in hyphened}
    return Legend(names, frozenset(hyphened | {VOID}))
