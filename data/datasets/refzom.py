"""Ref-ZOM: several things a reference, one or none, under ``refer_seg/refzom``, with pictures of its own or COCO's.

https://github.com/toggle1995/RIS-DMMI
"""

from pathlib import Path

from data.datasets._refs import FOLDER, TRAIN2014, Layout, find_refs
from data.datasets.base import Source, Wanted


def _images(root: Path, name: str) -> Path:
    """Its own folder of the year that the file name says, else COCO's."""
    year = "val2014" if name.startswith("COCO_val2014_") else "train2014"
    own = FOLDER / "refzom" / year
    return own if (root / own).is_dir() else TRAIN2014.with_name(year)


LAYOUT = Layout("refzom", "Ref_ZOM.p", ("train", "test"), images=_images, several=True)


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """What lies in a tree."""
    return find_refs(root, LAYOUT, wanted)
