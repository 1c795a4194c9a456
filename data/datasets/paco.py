"""PACO-LVIS: things and their parts in COCO's pictures, ``vlpart/paco/annotations/paco_lvis_v1_SPLIT.json``."""

from pathlib import Path

from data.datasets._instances import Layout, Named, object_and_part, said, sources
from data.datasets.base import Source, Wanted

NAME = "paco_lvis"


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """Its splits: ``train``, ``val``, ``test``. File names begin with COCO's folder (``train2017/...``)."""
    return sources(
        root,
        [
            Layout(NAME, split, f"vlpart/paco/annotations/paco_lvis_v1_{split}.json", "coco", _named)
            for split in ("train", "val", "test")
        ],
    )


def _named(category: str) -> Named:
    """ "cup" is a thing, "cup:rim" a part of one; what stands in brackets ("bow_(weapon)") tells homonyms apart and is
    left out, as in LISA."""
    thing, *parts = (name.split("_(")[0] for name in category.split(":"))
    if len(parts) > 1 or not all((thing, *parts)):
        raise ValueError(f"{category!r} is neither THING nor THING:PART")
    return object_and_part(thing, parts[0]) if parts else Named(thing, said(thing), "class")
