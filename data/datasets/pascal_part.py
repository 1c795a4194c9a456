"""PASCAL-Part as VLPart converts it: ``vlpart/pascal_part/SPLIT.json`` with the pictures of VOC 2010."""

from pathlib import Path

from data.datasets._instances import Layout, Named, object_and_part, sources
from data.datasets.base import Source, Wanted

NAME = "pascal_part"
IMAGES = "vlpart/pascal_part/VOCdevkit/VOC2010/JPEGImages"


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """Its splits: ``train``, ``val``."""
    splits = ("train", "val")
    return sources(root, [Layout(NAME, split, f"vlpart/pascal_part/{split}.json", IMAGES, _named) for split in splits])


def _named(category: str) -> Named:
    """ "person:head": a part of a thing."""
    thing, _, part = category.partition(":")
    if not thing or not part or ":" in part:
        raise ValueError(f"{category!r} is not THING:PART")
    return object_and_part(thing, part)
