"""What every format is written from: scenes as they show, and a tree to put files in."""

import io
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data import outline
from data.world.render import render
from data.world.splits import SPLITS
from data.world.things import KINDS
from data.world.view import View, view_of
from data.world.world import World

JPEG_QUALITY = 95
SPLIT_IDS = 1_000_000  # picture ids of the first split begin here, those of the next at twice that
THING_IDS = 100  # more than there are things in a scene


@dataclass(frozen=True)
class Drawn:
    """A scene as it shows.

    Attributes:
        split: of the world.
        seed: its number in it.
        image: ``(H, W, 3)`` uint8 RGB.
        view: its things and their masks.
    """

    split: str
    seed: int
    image: NDArray[np.uint8]
    view: View

    @property
    def id(self) -> int:
        """Of the picture; no two scenes of the world have the same.

        Raises:
            ValueError: the seed is too large for that.
        """
        if self.seed >= SPLIT_IDS:
            raise ValueError(f"a scene that is exported has a number below {SPLIT_IDS:,}, not {self.seed}")
        return SPLIT_IDS * (1 + SPLITS.index(self.split)) + self.seed

    def thing_id(self, index: int) -> int:
        """Of a thing's annotation."""
        return self.id * THING_IDS + index

    def rng(self, use: str) -> Random:
        """What draws for one use, the same whenever the scene is exported."""
        return Random(f"{use} export {self.split} {self.seed}")

    @cached_property
    def polygons(self) -> list[list[list[float]]]:
        """COCO polygons of each thing; pycocotools draws the exact masks from them."""
        return [outline.corners(mask) for mask in self.view.masks]

    def coco_image(self, file_name: str, server: str = "http://mscoco.org/images") -> dict[str, Any]:
        """An entry of ``images`` in COCO's format."""
        return {
            "license": 1,
            "file_name": file_name,
            "coco_url": f"{server}/{self.id}",
            "height": self.view.height,
            "width": self.view.width,
            "date_captured": "2014-01-01 00:00:00",
            "flickr_url": "",
            "id": self.id,
        }

    def coco_annotation(self, index: int) -> dict[str, Any]:
        """An entry of ``annotations`` in COCO's format: a thing, with polygons."""
        seen = self.view.things[index]
        return {
            "segmentation": self.polygons[index],
            "area": float(seen.area),
            "iscrowd": 0,
            "image_id": self.id,
            "bbox": [float(v) for v in (seen.left, seen.top, seen.right - seen.left, seen.bottom - seen.top)],
            "category_id": category_id(seen.kind),
            "id": self.thing_id(index),
        }


def drawn(split: str, count: int, start: int) -> Iterator[Drawn]:
    """Scenes of a split of the world, in order."""
    world = World(split, count, start)
    for index in range(count):
        scene = world.scene(index)
        shown = render(scene)
        yield Drawn(split, scene.seed, shown.image, view_of(scene, shown.masks))


def category_id(kind: str) -> int:
    """Of a kind of thing, where a file names its own categories."""
    return 1 + KINDS.index(kind)


def coco_file(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    """What ``instances.json`` holds, with the world's kinds as categories."""
    return {
        "info": {"description": "the drawn world of Pinpoint", "version": "1.0", "year": 2014},
        "images": images,
        "licenses": [{"url": "https://www.apache.org/licenses/LICENSE-2.0", "id": 1, "name": "Apache-2.0"}],
        "annotations": annotations,
        "categories": [{"supercategory": "thing", "id": category_id(kind), "name": kind} for kind in KINDS],
    }


class Tree:
    """A tree of datasets that is written. Pictures may be there already, since formats share them; annotations may not.

    Attributes:
        root: of the tree.
        files: the annotation files that were written.
        pictures: how many were written, or were there already.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[Path] = []
        self.pictures = 0

    def picture(self, name: str, image: NDArray[np.uint8]) -> None:
        """Write a picture, as the ending of its name says."""
        path = self.root / name
        packed = io.BytesIO()
        kind = "PNG" if path.suffix == ".png" else "JPEG"
        Image.fromarray(image).save(packed, kind, quality=JPEG_QUALITY, subsampling=0)  # PNG takes no notice of them
        if path.exists():
            if path.read_bytes() != packed.getvalue():
                raise ValueError(f"{path} is there already and is another picture: name another folder")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed.getvalue())
        self.pictures += 1

    def labels(self, name: str, values: NDArray[np.uint8], palette: list[int] | None = None) -> None:
        """Write a label map, PNG of one channel; with a palette where there is one."""
        image = Image.fromarray(values, mode="L")
        if palette:
            image = Image.fromarray(values, mode="P")
            image.putpalette(palette)
        image.save(self._new(name))

    def json(self, name: str, values: Any) -> None:
        """Write an annotation file in JSON."""
        self._new(name).write_text(json.dumps(values), encoding="utf-8")

    def lines(self, name: str, values: list[Any]) -> None:
        """Write an annotation file of one JSON a line."""
        self._new(name).write_text("".join(f"{json.dumps(value)}\n" for value in values), encoding="utf-8")

    def pickle(self, name: str, values: Any) -> None:
        """Write an annotation file as a pickle of plain values, protocol 2 as the published ones."""
        self._new(name).write_bytes(pickle.dumps(values, protocol=2))

    def refuse(self, *names: str) -> None:
        """Raise where one of the annotation files is there: before hours of drawing, not after."""
        for name in names:
            if (self.root / name).exists():
                raise ValueError(f"{self.root / name} is there already: name another folder, or take it away first")

    def _new(self, name: str) -> Path:
        self.refuse(name)
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files.append(path)
        return path
