"""FP-RefCOCO, + and g: phrases of which some name what is not there, with what should have been said, under
``refer_seg/``.

https://github.com/see-say-segment/sesame
"""

from pathlib import Path
from typing import Any

from data.datasets._refs import Layout, find_refs, flag
from data.datasets.base import Source, Wanted


def _false(sentence: dict[str, Any], where: str) -> bool:
    return flag(sentence, "is_false_premise", False, where)


LAYOUTS = tuple(
    Layout(
        folder,
        "refs(berkeley_exclude_unified).p",
        splits,
        kind="premise",
        false=_false,
        extra=("is_false_premise", "gt_sent"),
        correction="gt_sent",
    )
    for folder, splits in (
        ("fprefcoco", ("train", "val", "testA", "testB")),
        ("fprefcoco+", ("train", "val", "testA", "testB")),
        ("fprefcocog", ("train", "val", "test")),
    )
)


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """What lies in a tree."""
    return [source for layout in LAYOUTS for source in find_refs(root, layout, wanted)]
