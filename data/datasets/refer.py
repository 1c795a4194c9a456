"""RefCLEF, RefCOCO, RefCOCO+ and RefCOCOg: one thing a reference, under ``refer_seg/``.

``refcoco`` is ``refs(unc).p`` and ``refcocog`` is ``refs(umd).p``; other divisions have their name behind a slash
(``refcoco/google``). https://github.com/lichengunc/refer
"""

from pathlib import Path

from data.datasets._refs import FOLDER, Layout, find_refs
from data.datasets.base import Source, Wanted


def _saiapr(root: Path, name: str) -> Path:
    return FOLDER / "images/saiapr_tc-12"


LAYOUTS = (
    Layout("refclef", "refs(unc).p", ("train", "val", "testA", "testB", "testC"), images=_saiapr),
    Layout("refcoco", "refs(unc).p", ("train", "val", "testA", "testB")),
    Layout("refcoco+", "refs(unc).p", ("train", "val", "testA", "testB")),
    Layout("refcocog", "refs(umd).p", ("train", "val", "test")),
)


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """What lies in a tree."""
    return [source for layout in LAYOUTS for source in find_refs(root, layout, wanted)]
