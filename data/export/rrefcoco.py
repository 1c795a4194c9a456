"""R-RefCOCO, + and g, in the folders of SESAME: each true phrase among false ones."""

from collections.abc import Iterable

from data.export._phrases import absent, falsified, singles
from data.export._refs import FOLDER, UMD, UNC, Folder, write_picture
from data.export.base import Drawn, Tree

SPLITS = UNC
FALSE = 3  # phrases for each true one


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """Three folders under ``refer_seg``."""
    folders = {
        Folder("R-refcoco", UNC): "unc",
        Folder("R-refcoco+", UNC): "unc",
        Folder("R-refcocog", UMD): "umd",
    }
    tree.refuse(*(f"{FOLDER}/{folder.name}/instances.json" for folder in folders))
    for scene in scenes:
        write_picture(tree, scene)
        rng = scene.rng("rrefcoco")
        for folder in folders:
            folder.scene(scene)
            for index, phrases in singles(scene.view).items():
                said = folder.admits(phrases)[:1]
                false = [falsified(scene.view, rng, index), *(absent(scene.view, rng) for _ in range(FALSE - 1))]
                if said:
                    folder.add(
                        scene,
                        index,
                        [{"raw": said[0].text}, *({"raw": text, "exist": False} for text in false)],
                    )
    for folder, name in folders.items():
        folder.instances(tree)
        tree.pickle(f"{FOLDER}/{folder.name}/refs({name}_exclude_unified).p", folder.refs)
