"""Mapillary Vistas 2.0: street scenes, whose classes stand in ``mapillary/config_v2.0.json``."""

from pathlib import Path

from data.datasets._files import key, read_json, text
from data.datasets._labels import VOID, Folders, Legend, sources
from data.datasets.base import Source, Wanted

NAME = "mapillary"
UNLABELED = "unlabeled"


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """Its splits, named as those of ADE20K: ``train`` (training) and ``validation``."""
    folders = [
        Folders(split, f"mapillary/{folder}/v2.0/labels", (f"mapillary/{folder}/images",))
        for split, folder in (("train", "training"), ("validation", "validation"))
    ]
    return sources(root, NAME, tuple(folders), _legend)


def _legend(root: Path) -> Legend:
    """A value is a place in the list of labels; a class is a label's readable name in small letters.

    Raises:
        ValueError: the file of labels is missing or has none.
    """
    file = root / "mapillary" / "config_v2.0.json"
    labels = key(read_json(file), "labels", str(file))
    if not isinstance(labels, list) or not 0 < len(labels) <= VOID:
        raise ValueError(f"{file}: labels are no list of 1 to {VOID} labels: get the file again")
    names = {}
    for value, label in enumerate(labels):
        where = f"{file}: label {value}"
        names[value] = text(key(label, "readable", where), where).lower()
    void = {value for value, name in names.items() if name == UNLABELED}
    return Legend({value: name for value, name in names.items() if value not in void}, frozenset(void | {VOID}))
