"""RefCOCO, RefCOCO+, RefCOCOg and RefCLEF: one thing a reference.

``refs(google).p`` is split by object, as the published ones are. RefCOCO+ says nothing of places. RefCLEF keeps masks
as a list of run lengths, the others as polygons.
"""

from collections.abc import Iterable
from typing import Any

from data.export._phrases import Phrase, caption, singles
from data.export._refs import FOLDER, UMD, UNC, Folder, write_picture
from data.export.base import Drawn, Tree

SPLITS = UNC
BY_OBJECT = {"refcoco": ("train", "train", "val", "test"), "refcocog": ("train", "train", "train", "val")}
MOST = 3  # sentences a reference
SAIAPR = f"{FOLDER}/images/saiapr_tc-12"


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """Four folders under ``refer_seg``, with pictures in ``images/mscoco/images/train2014`` and ``saiapr_tc-12``."""
    clef = Folder("refclef", UNC, file_name=_saiapr, segmentation=lambda scene, index: [scene.view.rle(index)])
    coco, plus, google = Folder("refcoco", UNC), Folder("refcoco+", UNC), Folder("refcocog", UMD)
    folders = (clef, coco, plus, google)
    tree.refuse(*(f"{FOLDER}/{folder.name}/instances.json" for folder in folders))
    for scene in scenes:
        write_picture(tree, scene)
        tree.picture(f"{SAIAPR}/{_saiapr(scene)}", scene.image)
        for folder in folders:
            folder.scene(scene)
        for index, phrases in singles(scene.view).items():
            clef.add(scene, index, _sentences(phrases[:1]))
            coco.add(scene, index, _sentences(phrases[:MOST]))
            plus.add(scene, index, _sentences(plus.admits(phrases)[:MOST]))
            google.add(scene, index, [{"raw": caption(scene.view, index, one)} for one in phrases[:2]])
    for folder, name in zip(folders, ("unc", "unc", "unc", "umd"), strict=True):
        folder.instances(tree)
        tree.pickle(f"{FOLDER}/{folder.name}/refs({name}).p", folder.refs)
    for folder in (coco, google):
        turn = BY_OBJECT[folder.name]
        refs = [{**ref, "split": turn[ref["ref_id"] % len(turn)]} for ref in folder.refs]
        tree.pickle(f"{FOLDER}/{folder.name}/refs(google).p", refs)


def _saiapr(scene: Drawn) -> str:
    return f"{scene.id % 40:02d}/images/{scene.id}.jpg"


def _sentences(phrases: list[Phrase]) -> list[dict[str, Any]]:
    return [{"raw": phrase.text} for phrase in phrases]
