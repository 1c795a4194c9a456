"""LISA++'s ReasonSeg-Plus: instances, chains of thought, conversations and captions, as
:mod:`data.datasets.reason_plus` describes the files."""

from collections.abc import Iterable, Mapping
from typing import Any

from data.export._phrases import groups, singles, uses
from data.export.base import Drawn, Tree
from data.world.nouns import listed

SPLITS = {"train": "train"}
HOME = "reason_seg_plus"
IMAGES = "refer_seg/images/mscoco/images/train2017"
PARTS = ("Instance_Seg", "COT", "Conversations", "Caption")


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``reason_seg_plus/LISA_Plus_PART.json`` with pictures in ``refer_seg/images/mscoco/images/train2017``."""
    files = {part: f"{HOME}/LISA_Plus_{part}.json" for part in PARTS}
    tree.refuse(*files.values())
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    for scene in scenes:
        image = f"{scene.id:012d}.jpg"
        tree.picture(f"{IMAGES}/{image}", scene.image)
        for ways in groups(scene.view)[:1]:
            meant = ways[0].things
            row: dict[str, Any] = {"img_path": image, "English Question": f"Where are {ways[0].text}?"}
            rows["Instance_Seg"].append(row | {"ID": _ids(scene, meant), "points": _info(scene, meant)})
        for fact, meant in uses(scene.view, scene.rng("reason_plus"))[:1]:
            answer = _because(scene, fact.reason, meant)
            row = {"image_path": image, "English Question": fact.wordings[0], "English Answer": answer}
            rows["COT"].append(row | {"info": _info(scene, meant)})
        everything = frozenset(range(len(scene.view.things)))
        named = listed([f"the {_mark(scene, index)}" for index in scene.view.ordered(everything)])
        row = {
            "image_path": image,
            "English Question": "Describe this picture.",
            "English Answer": f"It shows {named}.",
        }
        rows["Caption"].append(row | {"info": _info(scene, everything)})
        talk = [
            f"<person>: Where is {phrases[0].text}? <robot>: It is the {_mark(scene, index)}."
            for index, phrases in list(singles(scene.view).items())[:2]
        ]
        if talk:
            rows["Conversations"].append({"img_pth": image, "output": " ".join(talk), "info": _info(scene, everything)})
    for part, file in files.items():
        tree.json(file, rows[part])


def _because(scene: Drawn, reasons: Mapping[str, str], meant: frozenset[int]) -> str:
    """ "The <7|umbrella> keeps you dry in the rain." for each thing."""
    things = [(scene.view.things[index].kind, index) for index in scene.view.ordered(meant)]
    return " ".join(f"The {_mark(scene, index)} {reasons[kind]}." for kind, index in things)


def _mark(scene: Drawn, index: int) -> str:
    return f"<{scene.thing_id(index)}|{scene.view.name(index)}>"


def _ids(scene: Drawn, things: frozenset[int]) -> list[int]:
    return [scene.thing_id(index) for index in sorted(things)]


def _info(scene: Drawn, things: frozenset[int]) -> dict[str, Any]:
    return {
        str(scene.thing_id(index)): {"label name": scene.view.name(index), "polygon": scene.polygons[index]}
        for index in sorted(things)
    }
