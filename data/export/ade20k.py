"""ADE20K: label maps of 150 classes, 1 the first, 0 everything else. The backdrops belong to no class."""

from collections.abc import Iterable

from data.datasets._labels import published_classes
from data.export._labels import label_map
from data.export.base import Drawn, Tree
from data.world.things import FAMILIES

SPLITS = {"train": "training", "val": "validation"}

CLASS_OF = {
    **dict.fromkeys(FAMILIES["animal"], "animal"),
    **dict.fromkeys(FAMILIES["clothing"], "apparel"),
    **dict.fromkeys(FAMILIES["fruit"], "food"),
    **{kind: kind for kind in ("bed", "chair", "lamp", "sofa", "table", "book", "clock", "bottle", "pot", "tree")},
    **{kind: kind for kind in ("flower", "ball", "bicycle", "boat", "bus", "car")},
    "cactus": "plant",
    "kite": "plaything",
    "balloon": "plaything",
    "plane": "airplane",
}
"""Kind -> class; the other kinds have none."""


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``ade20k/images`` and ``ade20k/annotations``."""
    places = {name: number for number, name in enumerate(published_classes("ade20k"), start=1)}
    values = {kind: places[name] for kind, name in CLASS_OF.items()}
    for scene in scenes:
        folder = SPLITS[scene.split]
        name = f"ADE_{'train' if folder == 'training' else 'val'}_{scene.id:08d}"
        tree.labels(f"ade20k/annotations/{folder}/{name}.png", label_map(scene, values, 0))
        tree.picture(f"ade20k/images/{folder}/{name}.jpg", scene.image)
