"""COCO-Stuff: label maps whose value is the class's id in COCO less one, 255 for none. The backdrops have none."""

from collections.abc import Iterable

from data.datasets._labels import published_classes
from data.export._labels import label_map
from data.export.base import Drawn, Tree

SPLITS = {"train": "train2017", "val": "val2017"}
VOID = 255

CLASS_OF = {
    **{kind: kind for kind in ("bicycle", "car", "bus", "boat", "bird", "cat", "hat", "umbrella", "kite", "bottle")},
    **{kind: kind for kind in ("cup", "knife", "spoon", "banana", "apple", "chair", "bed", "book", "clock", "table")},
    **{kind: kind for kind in ("flower", "tree")},
    "plane": "airplane",
    "sofa": "couch",
    "ball": "sports ball",
    "boot": "shoe",
    "lamp": "light",
    "shirt": "clothes",
    "sock": "clothes",
    "glove": "clothes",
    "pear": "fruit",
    "pineapple": "fruit",
    "strawberry": "fruit",
    "leaf": "leaves",
    "cactus": "potted plant",
}
"""Kind -> class; the other kinds have none."""


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``cocostuff/SPLIT2017`` and pictures in ``coco/SPLIT2017``."""
    places = {name: number for number, name in enumerate(published_classes("cocostuff"))}
    values = {kind: places[name] for kind, name in CLASS_OF.items()}
    for scene in scenes:
        place = f"{SPLITS[scene.split]}/{scene.id:012d}"
        tree.labels(f"cocostuff/{place}.png", label_map(scene, values, VOID))
        tree.picture(f"coco/{place}.jpg", scene.image)
