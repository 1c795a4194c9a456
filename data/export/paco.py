"""PACO-LVIS: things and their parts as run lengths, named as in PACO.

The parts are cut by height (:mod:`data.export._parts`): they test the reader, they teach nothing of real parts.
"""

from collections.abc import Iterable
from typing import Any

from data import masks
from data.export._parts import Cuts, box, cut
from data.export.base import Drawn, Tree

SPLITS = {"train": "train", "val": "val", "test": "test"}
FIRST = 1  # id of the first category

PARTS: Cuts = {
    "bicycle": {"handlebar": (0, 0.3), "wheel": (0.6, 1)},
    "bottle": {"cap": (0, 0.2), "body": (0.4, 1)},
    "chair": {"back": (0, 0.45), "seat": (0.45, 0.65)},
    "cup": {"rim": (0, 0.15), "base": (0.85, 1)},
    "hammer": {"head": (0, 0.3), "handle": (0.3, 1)},
    "hat": {"rim": (0.8, 1)},
    "knife": {"blade": (0, 0.6), "handle": (0.6, 1)},
    "spoon": {"bowl": (0, 0.35), "handle": (0.35, 1)},
    "table": {"top": (0, 0.3), "leg": (0.3, 1)},
}


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``vlpart/paco/annotations/paco_lvis_v1_SPLIT.json`` with pictures in ``coco/train2017`` or ``val2017``."""
    tree.refuse(*(_file(split) for split in SPLITS.values()))
    names = [*PARTS, *(f"{kind}:{part}" for kind, parts in PARTS.items() for part in parts)]
    ids = {name: number for number, name in enumerate(names, start=FIRST)}
    found: dict[str, tuple[list[Any], list[Any]]] = {}
    for scene in scenes:
        images, annotations = found.setdefault(SPLITS[scene.split], ([], []))
        file_name = f"{'train2017' if scene.split == 'train' else 'val2017'}/{scene.id:012d}.jpg"
        tree.picture(f"coco/{file_name}", scene.image)
        size = {"width": scene.view.width, "height": scene.view.height}
        images.append({"id": scene.id, "file_name": file_name, **size, "license": 1})
        for thing, mask in zip(scene.view.things, scene.view.masks, strict=True):
            if thing.kind not in PARTS:
                continue
            whole = len(annotations) + 1
            wanted = {thing.kind: mask} | {f"{thing.kind}:{p}": cut(mask, *at) for p, at in PARTS[thing.kind].items()}
            for name, part in wanted.items():
                if part.any():
                    annotations.append(
                        {
                            "id": len(annotations) + 1,
                            "bbox": box(part),
                            "area": float(part.sum()),
                            "category_id": ids[name],
                            "image_id": scene.id,
                            "segmentation": masks.encode(part),
                            "attribute_ids": [],
                            "dom_color_ids": [],
                            "obj_ann_id": whole,
                        }
                    )
    for split, (images, annotations) in found.items():
        tree.json(
            _file(split),
            {
                "images": images,
                "annotations": annotations,
                "attributes": [],
                "attr_type_to_attr_idxs": {},
                "categories": [_category(name, ids[name]) for name in names],
                "part_categories": [
                    {"supercategory": "PART", "id": number, "name": part}
                    for number, part in enumerate(sorted({part for parts in PARTS.values() for part in parts}))
                ],
            },
        )


def _file(split: str) -> str:
    return f"vlpart/paco/annotations/paco_lvis_v1_{split}.json"


def _category(name: str, number: int) -> dict[str, Any]:
    kind = "PART" if ":" in name else "OBJECT"
    return {"supercategory": kind, "id": number, "name": name, "synset": name.rpartition(":")[2], "frequency": "f"}
