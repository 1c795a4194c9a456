"""Ref-ZOM: several things a reference, one, or none, with folders of pictures of its own."""

from collections.abc import Iterable

from data.export._phrases import absent, groups, singles
from data.export._refs import FOLDER, Folder
from data.export.base import Drawn, Tree

SPLITS = {"train": "train", "test": "test"}
HOME = f"{FOLDER}/refzom"


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``refer_seg/refzom``."""
    folder = Folder("refzom", SPLITS)
    tree.refuse(f"{HOME}/instances.json", f"{HOME}/Ref_ZOM.p")
    for scene in scenes:
        tree.picture(f"{HOME}/train2014/COCO_train2014_{scene.id:012d}.jpg", scene.image)
        folder.scene(scene)
        for index, phrases in singles(scene.view).items():
            folder.add(scene, [index], [{"raw": phrases[0].text}], source="one")
        for ways in groups(scene.view):
            folder.add(scene, sorted(ways[0].things), [{"raw": ways[0].text}], source="many")
        words = absent(scene.view, scene.rng("refzom"))
        folder.add(scene, [], [{"raw": words}], source="zero", category_id=-1)
    folder.instances(tree)
    tree.pickle(f"{HOME}/Ref_ZOM.p", folder.refs)
