"""gRefCOCO: several things a reference, or none, under ``refer_seg/grefcoco``.

A reference's mask is the union of its targets, crowds included, as GSVA and UGround read it. No target is ``[-1]``; one
target may stand as a bare number. https://github.com/henghuiding/gRefCOCO
"""

from pathlib import Path

from data.datasets._refs import Layout, find_refs
from data.datasets.base import Source, Wanted

LAYOUT = Layout("grefcoco", "grefs(unc).json", ("train", "val", "testA", "testB"), several=True)


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """What lies in a tree."""
    return find_refs(root, LAYOUT, wanted)
