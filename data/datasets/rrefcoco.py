"""R-RefCOCO, + and g: phrases of which most name what is not there, under ``refer_seg/``.

``R-refcoco`` is the folder as SESAME, READ and UGround have it; ``rrefcoco`` that of its authors
(https://github.com/jianzongwu/robust-ref-seg).
"""

from pathlib import Path
from typing import Any

from data.datasets._refs import Layout, find_refs, flag
from data.datasets.base import Source, Wanted


def _false(sentence: dict[str, Any], where: str) -> bool:
    return not flag(sentence, "exist", True, where)


LAYOUTS = tuple(
    Layout(f"{prefix}{suffix}", f"refs({by}{more}).p", splits, kind="premise", false=_false, extra=("exist",))
    for prefix, more in (("R-refcoco", "_exclude_unified"), ("rrefcoco", ""))
    for suffix, by, splits in (
        ("", "unc", ("train", "val", "testA", "testB")),
        ("+", "unc", ("train", "val", "testA", "testB")),
        ("g", "umd", ("train", "val", "test")),
    )
)


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """What lies in a tree."""
    return [source for layout in LAYOUTS for source in find_refs(root, layout, wanted)]
