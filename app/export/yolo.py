"""YOLO polygons, the tree that Ultralytics' tools train on.

A row is a class and one polygon ``x y x y ...``, as shares of the picture's width and height. A polygon goes through
the centres of the outermost pixels, holes walked into there and back: OpenCV's ``fillPoly``, with which Ultralytics
draws masks, gives the same pixels from it. A row has room for one polygon, so a mask of several parts becomes a row for
each: all its pixels are there, and that they are one thing is not. What is not in the picture has no place in the rows;
``data.yaml`` lists it as ``not_here``, which the tools leave be.
"""

from collections.abc import Iterator

import yaml

from app.export.base import File, Talk
from data import outline

TITLE = "YOLO polygons"
ABOUT = "Class names, and a row of points for each part of a mask, and the picture. The pixels are exact; parts of one "
ABOUT += "thing are rows of their own."


def files(talk: Talk) -> Iterator[File]:
    """``yolo/data.yaml`` with the picture in ``images`` and its rows in ``labels``."""
    names = list(dict.fromkeys(one.label for one in talk.found))
    absent = list(dict.fromkeys(one.label for one in talk.rejected))
    height, width = talk.size
    rows = [
        # Half a pixel in, so that cutting off the fraction gives the pixel whatever was rounded.
        f"{names.index(one.label)} " + " ".join(f"{(x + 0.5) / width:.7f} {(y + 0.5) / height:.7f}" for x, y in walk)
        for one in talk.found
        for walk in outline.centres(one.segment.mask)
    ]
    about = {"train": "images", "val": "images", "names": dict(enumerate(names)), "not_here": absent}
    yield File("yolo/data.yaml", yaml.safe_dump(about, allow_unicode=True, sort_keys=False).encode("utf-8"))
    yield File(f"yolo/labels/{talk.stem}.txt", "".join(f"{row}\n" for row in rows).encode("ascii"))
    yield File(f"yolo/images/{talk.picture.name}", talk.picture.data)
