"""gRefCOCO: one thing a reference, several, or none."""

from collections.abc import Iterable

from data.export._phrases import absent, groups, singles
from data.export._refs import FOLDER, UNC, Folder, write_picture
from data.export.base import Drawn, Tree

SPLITS = UNC
NONE = [-1]


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``refer_seg/grefcoco``."""
    folder = Folder("grefcoco", UNC)
    tree.refuse(f"{FOLDER}/grefcoco/instances.json", f"{FOLDER}/grefcoco/grefs(unc).json")
    for scene in scenes:
        write_picture(tree, scene)
        folder.scene(scene)
        for index, phrases in singles(scene.view).items():
            folder.add(scene, [index], [{"raw": one.text} for one in phrases[:2]], no_target=False)
        for ways in groups(scene.view):
            folder.add(scene, sorted(ways[0].things), [{"raw": one.text} for one in ways], no_target=False)
        words = absent(scene.view, scene.rng("grefcoco"))
        folder.add(scene, [], [{"raw": words}], no_target=True, ann_id=NONE, category_id=NONE)
    folder.instances(tree)
    tree.json(f"{FOLDER}/grefcoco/grefs(unc).json", folder.refs)
