"""Mapillary Vistas 2.0: indexed label maps and the list of labels, as far as the world has things of the street."""

from collections.abc import Iterable

from data.export._labels import label_map
from data.export.base import Drawn, Tree

SPLITS = {"train": "training", "val": "validation"}
CONFIG = "mapillary/config_v2.0.json"

LABELS = (  # name, readable, colour, the world's kinds
    ("animal--bird", "Bird", (165, 42, 42), "bird"),
    ("animal--ground-animal", "Ground Animal", (0, 192, 0), "cat rabbit turtle"),
    ("nature--vegetation", "Vegetation", (107, 142, 35), "tree flower cactus leaf"),
    ("object--street-light", "Street Light", (210, 170, 100), "lamp"),
    ("object--vehicle--bicycle", "Bicycle", (119, 11, 32), "bicycle"),
    ("object--vehicle--boat", "Boat", (150, 0, 255), "boat"),
    ("object--vehicle--bus", "Bus", (0, 60, 100), "bus"),
    ("object--vehicle--car", "Car", (0, 0, 142), "car"),
    ("void--unlabeled", "Unlabeled", (0, 0, 0), ""),
)


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``mapillary/FOLDER/images`` and ``mapillary/FOLDER/v2.0/labels`` with ``config_v2.0.json``."""
    tree.refuse(CONFIG)
    values = {kind: number for number, (*_, kinds) in enumerate(LABELS) for kind in kinds.split()}
    palette = [value for _, _, colour, _ in LABELS for value in colour]
    for scene in scenes:
        folder = f"mapillary/{SPLITS[scene.split]}"
        name = f"world-{scene.id:016d}"
        tree.labels(f"{folder}/v2.0/labels/{name}.png", label_map(scene, values, len(LABELS) - 1), palette)
        tree.picture(f"{folder}/images/{name}.jpg", scene.image)
    labels = [
        {"color": list(colour), "instances": bool(kinds), "readable": readable, "name": name, "evaluate": bool(kinds)}
        for name, readable, colour, kinds in LABELS
    ]
    structure = "{split}/{content}/{image_id:s}.{extension:s}"
    tree.json(CONFIG, {"labels": labels, "version": "2.0", "mapping": "public", "folder_structure": structure})
