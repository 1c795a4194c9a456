"""PASCAL-Part as VLPart converts it: parts alone, as run lengths. They are cut by height, see
:mod:`data.export._parts`."""

from collections.abc import Iterable
from typing import Any

from data import masks
from data.export._parts import Cuts, box, cut
from data.export.base import Drawn, Tree

SPLITS = {"train": "train", "val": "val"}
HOME = "vlpart/pascal_part"

PARTS: Cuts = {
    "bicycle": {"handlebar": (0, 0.3), "wheel": (0.6, 1)},
    "bird": {"head": (0, 0.35), "torso": (0.35, 0.85)},
    "bottle": {"cap": (0, 0.2), "body": (0.2, 1)},
    "bus": {"window": (0.15, 0.5), "wheel": (0.8, 1)},
    "car": {"window": (0, 0.4), "wheel": (0.7, 1)},
    "cat": {"head": (0, 0.4), "torso": (0.4, 0.8), "leg": (0.8, 1)},
}


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``vlpart/pascal_part/SPLIT.json`` with the pictures of VOC 2010; scenes without such a part are left out."""
    tree.refuse(*(f"{HOME}/{split}.json" for split in SPLITS.values()))
    names = [f"{kind}:{part}" for kind, parts in PARTS.items() for part in parts]
    ids = {name: number for number, name in enumerate(names, start=1)}
    found: dict[str, tuple[list[Any], list[Any]]] = {}
    for scene in scenes:
        made = [
            (f"{thing.kind}:{part}", piece)
            for thing, mask in zip(scene.view.things, scene.view.masks, strict=True)
            for part, at in PARTS.get(thing.kind, {}).items()
            if (piece := cut(mask, *at)).any()
        ]
        if not made:
            continue
        images, annotations = found.setdefault(SPLITS[scene.split], ([], []))
        file_name = f"2008_{scene.id:07d}.jpg"
        tree.picture(f"{HOME}/VOCdevkit/VOC2010/JPEGImages/{file_name}", scene.image)
        size = {"height": scene.view.height, "width": scene.view.width}
        images.append({"id": scene.id, "file_name": file_name, **size})
        for name, piece in made:
            annotations.append(
                {
                    "id": len(annotations),
                    "segmentation": masks.encode(piece),
                    "bbox": box(piece),
                    "category_id": ids[name],
                    "image_id": scene.id,
                    "iscrowd": 0,
                    "area": float(piece.sum()),
                }
            )
    categories = [{"id": number, "name": name} for name, number in ids.items()]
    for split, (images, annotations) in found.items():
        tree.json(f"{HOME}/{split}.json", {"categories": categories, "images": images, "annotations": annotations})
