"""COCO instances: one file with run lengths and one with polygons, both exact in pycocotools.

A polygon runs along the corners of pixels, a part of a mask each, and a hole is walked into along a line there and
back: pycocotools draws the same pixels from it, holes, single pixels and parts that touch at a corner as well.

Categories are the phrases, in the order in which they are first named. What is not in the picture stands in the
picture's ``neg_category_ids``, as LVIS has it, and with its question in its ``rejected``. ``question`` and ``score`` of
an annotation are ours; tools that do not know them leave them be.
"""

import json
from collections.abc import Iterator
from typing import Any

from app.export.base import File, Found, Talk
from data import masks, outline

TITLE = "COCO JSON"
ABOUT = "Instances for pycocotools, as run lengths and as polygons, and the picture. Both exact; has what is not there."


def files(talk: Talk) -> Iterator[File]:
    """``coco.json`` (run lengths), ``coco-polygons.json`` and the picture."""
    yield talk.picture
    yield File("coco.json", _packed(talk, polygons=False))
    yield File("coco-polygons.json", _packed(talk, polygons=True))


def _packed(talk: Talk, polygons: bool) -> bytes:
    names = list(dict.fromkeys(one.label for one in talk.named))
    absent = {one.label for one in talk.rejected} - {one.label for one in talk.found}
    height, width = talk.size
    image = {
        "id": 1,
        "file_name": talk.picture.name,
        "height": height,
        "width": width,
        "neg_category_ids": [number for number, name in enumerate(names, start=1) if name in absent],
        "rejected": [{"question": one.question, "phrase": one.label} for one in talk.rejected],
    }
    annotations = [_annotation(one, names, polygons) for one in talk.found]
    values = {
        "info": {"description": f"Answers of Pinpoint about {talk.name}", "version": "1.0"},
        "licenses": [],
        "images": [image],
        # Of a mask without a pixel there is no polygon; run lengths hold it.
        "annotations": [
            {"id": number, **one} for number, one in enumerate(annotations, start=1) if one["area"] or not polygons
        ],
        "categories": [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(names, start=1)],
    }
    return json.dumps(values).encode("utf-8")


def _annotation(one: Found, names: list[str], polygons: bool) -> dict[str, Any]:
    rle = masks.encode(one.segment.mask)
    return {
        "image_id": 1,
        "category_id": 1 + names.index(one.label),
        "segmentation": outline.corners(one.segment.mask) if polygons else rle,
        "area": float(masks.area(rle)),
        "bbox": masks.box(rle),
        "iscrowd": 0,
        "score": round(one.segment.score, 4),
        "question": one.question,
    }
