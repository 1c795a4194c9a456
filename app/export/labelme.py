"""LabelMe, as labelme 5 writes it: each mask is a shape of type "mask", a PNG cut to its box, exact to the pixel.

The box's corners are pixels of the mask, both inside. What is not in the picture is a flag of the picture, "not here:
the lamp", and so is a phrase whose mask has no pixel, which no shape can hold.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.export.base import File, Found, Talk, png

TITLE = "LabelMe JSON"
ABOUT = "For labelme 5.2 and newer, which edits masks; the picture is inside. Exact; what is not there is a flag."
VERSION = "5.5.0"  # of the tool whose layout this is


def files(talk: Talk) -> Iterator[File]:
    """``NAME.json`` and beside it the picture, ``NAME.png``."""
    height, width = talk.size
    flags = {f"not here: {one.label}": True for one in talk.rejected}
    flags |= {f"no pixels: {one.label}": True for one in talk.found if not one.segment.mask.any()}
    values = {
        "version": VERSION,
        "flags": flags,
        "shapes": [_shape(one) for one in talk.found if one.segment.mask.any()],
        "imagePath": talk.picture.name,
        "imageData": base64.b64encode(talk.picture.data).decode("ascii"),
        "imageHeight": height,
        "imageWidth": width,
    }
    yield talk.picture
    yield File(f"{talk.stem}.json", json.dumps(values, indent=2).encode("utf-8"))


def _shape(one: Found) -> dict[str, Any]:
    rows, columns = (np.flatnonzero(one.segment.mask.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = (int(edge) for edge in (rows[0], rows[-1], columns[0], columns[-1]))
    cut = one.segment.mask[top : bottom + 1, left : right + 1]
    return {
        "label": one.label,
        "points": [[float(left), float(top)], [float(right), float(bottom)]],
        "group_id": None,
        "description": one.question,
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(png(cut)).decode("ascii"),
    }
