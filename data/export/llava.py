"""LLaVA-Instruct-150k: conversations in words alone: how many, which colour, is there one."""

from collections.abc import Iterable

from data.export.base import Drawn, Tree
from data.world.world import converse

SPLITS = {"train": "train"}
FILE = "llava_dataset/llava_instruct_150k.json"
FORMS = ("count", "what", "yes or no")
MARK = "<image>"


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """The file, and pictures in ``coco/train2017``. The mark of the picture comes before or after the first words."""
    tree.refuse(FILE)
    talks = []
    for number, scene in enumerate(scenes):
        rng = scene.rng("llava")
        turns = [turn for form in FORMS for turn in converse(scene.view, rng, form) if not turn.targets]
        if not turns:
            continue
        tree.picture(f"coco/train2017/{scene.id:012d}.jpg", scene.image)
        said = []
        for place, turn in enumerate(turns):
            first = f"{turn.question}\n{MARK}" if number % 2 else f"{MARK}\n{turn.question}"
            said.append({"from": "human", "value": turn.question if place else first})
            said.append({"from": "gpt", "value": turn.answer})
        talks.append({"id": f"{scene.id:012d}", "image": f"{scene.id:012d}.jpg", "conversations": said})
    tree.json(FILE, talks)
