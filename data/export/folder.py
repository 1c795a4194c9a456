"""A folder of one's own: the world's questions as they are, with masks as run lengths, polygons and PNG in turn."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from data.export.base import Drawn, Tree
from data.sample import REJ, SEG, Target
from data.world.splits import SPLITS as ALL
from data.world.world import converse

SPLITS = {split: split for split in ALL}
HOME = "drawn"
FILE = f"{HOME}/pinpoint.jsonl"
QUESTIONS = 3


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """``world/pinpoint.jsonl`` with pictures in ``world/images`` and some masks in ``world/masks``, all PNG."""
    tree.refuse(FILE)
    lines = []
    for scene in scenes:
        image = f"images/{scene.split}-{scene.seed:06d}.png"
        tree.picture(f"{HOME}/{image}", scene.image)
        rng = scene.rng("folder")
        for number in range(QUESTIONS):
            turn = converse(scene.view, rng)[0]  # later turns need those before them
            line: dict[str, Any] = {
                "image": image,
                "question": turn.question,
                "answer": turn.answer.replace(SEG, "{seg}").replace(REJ, "{seg}"),
                "split": scene.split,
            }
            if turn.targets:
                line["targets"] = [_target(tree, scene, target, number) for target in turn.targets]
            lines.append(line)
    tree.lines(FILE, lines)


def _target(tree: Tree, scene: Drawn, target: Target, way: int) -> dict[str, Any]:
    if target.rle is None:
        return {"phrase": target.phrase}
    index = next(n for n in range(len(scene.view.things)) if scene.view.rle(n) == target.rle)
    if way == 0:
        return {"phrase": target.phrase, "mask": target.rle}
    if way == 1:
        return {"phrase": target.phrase, "mask": scene.polygons[index]}
    name = f"masks/{scene.split}-{scene.seed:06d}-{index}.png"
    tree.picture(f"{HOME}/{name}", scene.view.masks[index].astype(np.uint8) * 255)
    return {"phrase": target.phrase, "mask": name}
