"""MUSE: two questions of use in one breath, and things asked for by name, with an answer that marks each.

Crowded scenes give the split of many targets.
"""

from collections.abc import Iterable
from typing import Any

from data.export._phrases import singles, uses
from data.export.base import Drawn, Tree
from data.world.nouns import listed

SPLITS = {"train": "train", "val": "val", "test": "test_less", "test_crowd": "test_many"}
IMAGES = "refer_seg/images/mscoco/images"
SERVER = "http://images.cocodataset.org"
LESS, MANY = 3, 8  # things asked for by name


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``muse/MUSE_SPLIT.json``, pictures in ``refer_seg/images/mscoco/images``."""
    found: dict[str, list[dict[str, Any]]] = {}
    tree.refuse(*(f"muse/MUSE_{split}.json" for split in SPLITS.values()))
    for scene in scenes:
        split = SPLITS[scene.split]
        asked = [one for one in (_by_use(scene), _by_name(scene, MANY if split == "test_many" else LESS)) if one]
        if not asked:
            continue
        place = f"{'train2017' if split == 'train' else 'val2017'}/{scene.id:012d}.jpg"
        tree.picture(f"{IMAGES}/{place}", scene.image)
        entry = scene.coco_image("", SERVER) | {"coco_url": f"{SERVER}/{place}"}
        del entry["file_name"]
        questions, meant, answers = zip(*asked, strict=True)
        things = {index: _annotation(scene, index) for indices in meant for index in indices}
        found.setdefault(split, []).append(
            entry
            | {
                "ann_list": list(things.values()),
                "questions": list(questions),
                "answers": [[things[index] for index in indices] for indices in meant],
                "text_answers": list(answers),
            }
        )
    for split, entries in found.items():
        tree.json(f"muse/MUSE_{split}.json", entries)


def _by_use(scene: Drawn) -> tuple[str, list[int], str] | None:
    """Two questions, one after the other, that different things answer."""
    rng = scene.rng("muse")
    chosen: list[int] = []
    texts: list[str] = []
    for fact, meant in uses(scene.view, rng):
        if len(texts) < 2 and not meant & set(chosen):
            chosen += scene.view.ordered(meant)
            texts.append(rng.choice(fact.wordings))
    if len(texts) < 2:
        return None
    said = listed([f"the {scene.view.name(index)} {{seg}}" for index in chosen])
    return " ".join(text if text[-1] in "?." else f"{text}." for text in texts), chosen, f"I would point at {said}."


def _by_name(scene: Drawn, most: int) -> tuple[str, list[int], str] | None:
    alone = singles(scene.view)
    if not alone:
        return None
    chosen = sorted(alone)[:most]
    named = [alone[index][0].text for index in chosen]
    verb = "is" if len(named) == 1 else "are"
    said = listed([f"{name} {{seg}}" for name in named])
    return f"Where {verb} {listed(named)}?", chosen, f"Here {verb} {said}."


def _annotation(scene: Drawn, index: int) -> dict[str, Any]:
    values = scene.coco_annotation(index)
    del values["iscrowd"]
    return values | {"category_name": scene.view.things[index].kind, "rephrased_name": scene.view.name(index)}
