"""ReasonSeg: questions of use, long and short, with ignored regions, answers that explain and false premises.

Every third picture has a short query. Every fourth has a thing that is ignored, as where annotators were not sure.
Polygons go through the outermost pixels: the published code fills a shape and draws its outline, and so gets the exact
masks.
"""

from collections.abc import Iterable
from typing import Any

from data import outline
from data.export._phrases import lacking, singles, uses
from data.export.base import Drawn, Tree
from data.world.nouns import upper

SPLITS = {"train": "train", "val": "val", "test": "test"}
HOME = "reason_seg/ReasonSeg"
SHORT, IGNORED = 3, 4
WORDINGS = 3
MANY = 2  # things that answer one question, at most: of more than that "it" says little


def write(tree: Tree, scenes: Iterable[Drawn]) -> None:
    """A picture and its JSON in ``reason_seg/ReasonSeg/SPLIT``, ``explanatory/train.json``."""
    explained = f"{HOME}/explanatory/train.json"
    tree.refuse(explained)
    answers = []
    for number, scene in enumerate(scenes):
        split, name = SPLITS[scene.split], f"world_{scene.split}_{scene.seed:06d}"
        note = _note(scene, f"{name}.jpg", number)
        if note is None:
            continue
        values, answer = note
        if split == "val":
            values["false_premise_QA"] = _false_premise(scene)
        tree.picture(f"{HOME}/{split}/{name}.jpg", scene.image)
        tree.json(f"{HOME}/{split}/{name}.json", values)
        if split == "train" and answer:
            answers.append(
                {"image": f"{name}.jpg", "json": f"{name}.json", "query": values["text"][0], "outputs": answer}
            )
    tree.json(explained, answers)


def _note(scene: Drawn, image: str, number: int) -> tuple[dict[str, Any], str] | None:
    """A picture's JSON and an answer that explains, "" if none does; None if nothing can be asked of it."""
    view, rng = scene.view, scene.rng("reason_seg")
    fact, meant = next(((fact, meant) for fact, meant in uses(view, rng) if len(meant) <= MANY), (None, None))
    if fact and meant and number % SHORT:
        texts, sentence = list(rng.sample(fact.wordings, min(WORDINGS, len(fact.wordings)))), True
        kind = view.things[min(meant)].kind
        answer = f"The {kind} {fact.reason[kind]}."
    else:
        alone = singles(view)
        if not alone:
            return None
        phrases = alone[rng.choice(list(alone))]
        texts, sentence, answer, meant = [one.text for one in phrases[:WORDINGS]], False, "", phrases[0].things
    shapes = [_shape("target", points, image) for index in sorted(meant) for points in _points(scene, index)]
    others = [thing for thing in view.things if thing.index not in meant]
    if others and number % IGNORED == 0:
        ignored = min(others, key=lambda thing: thing.area)
        shapes += [_shape("ignore", points, image) for points in _points(scene, ignored.index)]
    return {"text": texts, "is_sentence": sentence, "shapes": shapes}, answer


def _points(scene: Drawn, index: int) -> list[list[list[float]]]:
    return [[[float(x), float(y)] for x, y in walk] for walk in outline.centres(scene.view.masks[index])]


def _shape(label: str, points: list[list[float]], image: str) -> dict[str, Any]:
    return {
        "label": label,
        "labels": [label],
        "shape_type": "polygon",
        "image_name": image,
        "points": points,
        "group_id": None,
        "group_ids": [None],
        "flags": {},
    }


def _false_premise(scene: Drawn) -> list[list[Any]]:
    fact = lacking(scene.view, scene.rng("false premise"))
    if fact is None:
        return []
    return [[fact.wordings[0], True, f"{upper(fact.lack)} is not in this picture."]]
