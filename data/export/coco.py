"""Plain COCO instances, the world's kinds as categories."""

from collections.abc import Iterable
from typing import Any

from data.export.base import Drawn, Tree, coco_file

SPLITS = {"train": "train", "val": "val"}


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``coco/annotations/instances_SPLIT2017.json`` with the pictures in ``coco/SPLIT2017``."""
    found: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    tree.refuse(*(_file(split) for split in SPLITS.values()))
    for scene in scenes:
        split = SPLITS[scene.split]
        images, annotations = found.setdefault(split, ([], []))
        tree.picture(f"coco/{split}2017/{scene.id:012d}.jpg", scene.image)
        images.append(scene.coco_image(f"{scene.id:012d}.jpg"))
        annotations += [scene.coco_annotation(index) for index in range(len(scene.view.things))]
    for split, parts in found.items():
        tree.json(_file(split), coco_file(*parts))


def _file(split: str) -> str:
    return f"coco/annotations/instances_{split}2017.json"
