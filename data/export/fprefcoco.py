"""FP-RefCOCO, + and g: phrases that are true, and ones that are false with what should have been said."""

from collections.abc import Iterable

from data.export._phrases import falsified, singles
from data.export._refs import FOLDER, UMD, UNC, Folder, write_picture
from data.export.base import Drawn, Tree

SPLITS = UNC
FILE = "refs(berkeley_exclude_unified).p"


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """Three folders under ``refer_seg``."""
    folders = [Folder("fprefcoco", UNC), Folder("fprefcoco+", UNC), Folder("fprefcocog", UMD)]
    tree.refuse(*(f"{FOLDER}/{folder.name}/{FILE}" for folder in folders))
    for scene in scenes:
        write_picture(tree, scene)
        rng = scene.rng("fprefcoco")
        for folder in folders:
            folder.scene(scene)
            for index, phrases in singles(scene.view).items():
                said = folder.admits(phrases)[:1]
                sentences = [
                    part
                    for one in said
                    for part in (
                        {"raw": one.text, "is_false_premise": False, "gt_sent": ""},
                        {"raw": falsified(scene.view, rng, index), "is_false_premise": True, "gt_sent": one.text},
                    )
                ]
                folder.add(scene, index, sentences)
    for folder in folders:
        folder.instances(tree)
        tree.pickle(f"{FOLDER}/{folder.name}/{FILE}", folder.refs)
