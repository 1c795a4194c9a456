"""The drawn world in the formats of other datasets, evaluated as they are, against the same questions asked directly.

python -m benchmarks.exported --scenes 100 [--formats refcoco muse ...] [--checkpoint checkpoints/tiny]

One side goes through files: the exported tree, its reader, the benchmark, its protocols. The other has the questions'
words from there and everything else from the world: the picture as it was rendered, and for each question the masks of
the things that it means, found by what the annotation says in plain values (an annotation's id holds the thing's
number, a class its kinds), never by reading a mask. Pictures lie losslessly in the tree (PNG under the name of a JPEG),
since the formats' own JPEG would change them. Both sides ask the model anew, by the code of `pinpoint eval` and in its
batches; every answer and every number must be the same.
"""

import argparse
import json
import pickle
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data import export, masks
from data.export import ade20k, cocostuff, mapillary, paco, pascal_part
from data.export._parts import cut
from data.sample import RLE, Sample
from data.world.splits import SPLITS
from data.world.world import World
from eval import benchmarks, run
from eval.predictions import Prediction
from eval.protocols import Protocol
from eval.run import BLOCK, Asker, Way
from model.predictor import Predictor

REFS = "refer_seg"
FORMATS = {  # format -> its split of the world, and the benchmarks with their splits
    "refcoco": ("val", dict.fromkeys(("refcoco", "refcoco+", "refcocog", "refcoco/google", "refclef"), "val")),
    "grefcoco": ("val", {"grefcoco": "val"}),
    "refzom": ("test", {"refzom": "test"}),
    "fprefcoco": ("val", dict.fromkeys(("fprefcoco", "fprefcoco+", "fprefcocog"), "val")),
    "rrefcoco": ("val", dict.fromkeys(("R-refcoco", "R-refcoco+", "R-refcocog"), "val")),
    "reason_seg": ("val", {"ReasonSeg": "val"}),
    "muse": ("val", {"muse": "val"}),
    "ade20k": ("val", {"ade20k": "validation"}),
    "cocostuff": ("val", {"cocostuff": "val"}),
    "mapillary": ("val", {"mapillary": "validation"}),
    "paco": ("val", {"paco_lvis": "val"}),
    "pascal_part": ("val", {"pascal_part": "val"}),
}


def seed_of(name: str, split: str) -> int:
    """The number of the scene that a picture of the tree shows."""
    found = re.search(r"(\d+)\.jpg$", name)
    assert found is not None, name
    number = int(found[1])
    return number - 1_000_000 * (1 + SPLITS.index(split)) if number >= 1_000_000 else number


def lossless(root: Path, split: str) -> None:
    """Put the rendered pixels in the place of every JPEG of the tree."""
    for path in root.rglob("*.jpg"):
        image = World(split, 1, seed_of(path.name, split)).facts(0).image
        Image.fromarray(image).save(path, "PNG", compress_level=1)


@dataclass
class Scene:
    """What the world knows of one picture: pixels, and the masks and kinds of its things."""

    image: np.ndarray
    masks: np.ndarray
    kinds: list[str]

    @classmethod
    def of(cls, split: str, seed: int) -> "Scene":
        world = World(split, 1, seed)
        view = world.view(0)
        return cls(world.facts(0).image, view.masks, [thing.kind for thing in view.things])

    def rle(self, things: list[int]) -> RLE | None:
        return masks.encode(np.logical_or.reduce(self.masks[things])) if things else None

    def of_kinds(self, kinds: set[str]) -> list[int]:
        return [index for index, kind in enumerate(self.kinds) if kind in kinds]


class Meant:
    """What the questions of a benchmark mean, by the plain values of its annotation files."""

    def __init__(self, root: Path, name: str) -> None:
        self.name, self.root = name, root
        self.refs: dict[int, dict[str, Any]] = {}
        folder = root / REFS / name.partition("/")[0]
        if folder.is_dir():
            wanted = "google" if name.endswith("/google") else ""
            (path,) = [
                path
                for path in folder.iterdir()
                if path.is_file() and path.name != "instances.json" and ("google" in path.name) == bool(wanted)
            ]
            data = path.read_bytes()
            refs = json.loads(data) if path.suffix == ".json" else pickle.loads(data)
            self.refs = {ref["ref_id"]: ref for ref in refs}
        self.muse = json.loads((root / "muse/MUSE_val.json").read_text()) if name == "muse" else []

    def __call__(self, sample: Sample, scene: Scene) -> tuple[list[RLE | None], RLE | None]:
        """The masks of a question's targets in order, and what counts neither way."""
        if self.refs:
            *_, reference, sentence = sample.id.split("/")
            ref = self.refs[int(reference)]
            said = ref["sentences"][int(sentence)]
            ids = ref["ann_id"] if isinstance(ref["ann_id"], list) else [ref["ann_id"]]
            false = said.get("is_false_premise", False) or not said.get("exist", True)
            return [scene.rle([] if false else [one % 100 for one in ids if one >= 0])], None
        if self.name == "muse":
            *_, entry, number = sample.id.split("/")
            return [scene.rle([one["id"] % 100]) for one in self.muse[int(entry)]["answers"][int(number)]], None
        if self.name == "ReasonSeg":
            return self._drawn(sample, scene)
        return self._of_class(sample.id.split("/", 3)[3], scene)

    def _drawn(self, sample: Sample, scene: Scene) -> tuple[list[RLE | None], RLE | None]:
        """ReasonSeg's shapes go through a thing's outermost pixels, so a corner lies in the thing that it outlines."""
        shapes = json.loads((self.root / sample.image).with_suffix(".json").read_text())["shapes"]
        found: dict[bool, set[int]] = {False: set(), True: set()}
        for shape in shapes:
            x, y = (int(value) for value in shape["points"][0])
            (thing,) = np.flatnonzero(scene.masks[:, y, x])
            found["ignore" in shape["label"]].add(int(thing))
        target = None if "/premise/" in sample.id else scene.rle(sorted(found[False]))
        return [target], scene.rle(sorted(found[True]))

    def _of_class(self, text: str, scene: Scene) -> tuple[list[RLE | None], RLE | None]:
        classes = {
            "ade20k": ade20k.CLASS_OF,
            "cocostuff": cocostuff.CLASS_OF,
            "mapillary": {k: said.lower() for _, said, _, kinds in mapillary.LABELS for k in kinds.split()},
        }
        if self.name in classes:
            of = classes[self.name]
            known = scene.of_kinds(set(of))
            void = masks.encode(~np.logical_or.reduce(scene.masks[known]))
            return [scene.rle(scene.of_kinds({kind for kind, name in of.items() if name == text}))], void
        table = paco.PARTS if self.name == "paco_lvis" else pascal_part.PARTS
        if text in table:
            return [scene.rle(scene.of_kinds({text}))], None
        kind, part = next((k, p) for k, parts in table.items() for p in parts if f"{k} {p}" == text)
        pieces = [cut(scene.masks[index], *table[kind][part]) for index in scene.of_kinds({kind})]
        return [masks.encode(np.logical_or.reduce(pieces))], None


def direct(sample: Sample, scene: Scene, meant: Meant, protocol: Protocol) -> Sample:
    """The same question with the world's own picture and masks."""
    truth, void = meant(sample, scene)
    *earlier, turn = sample.turns
    targets = tuple(replace(target, rle=rle) for target, rle in zip(turn.targets, truth, strict=True))
    return replace(
        sample,
        load=lambda: scene.image,
        size=(scene.image.shape[0], scene.image.shape[1]),
        turns=(*earlier, replace(turn, targets=targets)),
        void=void if protocol.void else None,
    )


def ask(predictor: Asker, samples: list[Sample], protocol: Protocol) -> list[Prediction]:
    """What `pinpoint eval` keeps of these samples' questions, asked in its batches."""
    asked = (one for batch in run.ask(predictor, samples, Way(protocol)) for one in batch)
    return [replace(one.prediction, seconds=0.0) for one in asked]


@dataclass(frozen=True)
class Compared:
    """A benchmark both ways: questions, those whose prediction or truth differs, and the numbers of both."""

    name: str
    protocol: str
    questions: int
    different: int
    through_files: dict[str, float | None]
    directly: dict[str, float | None]


def compare(predictors: tuple[Asker, Asker], form: str, scenes: int) -> Iterator[Compared]:
    """Export scenes in a format and evaluate its benchmarks both ways.

    Args:
        predictors: one for each way, so that neither finds what the other has read.
        form: of FORMATS.
        scenes: of the split.
    """
    split, found = FORMATS[form]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        export.export(form, root, scenes, [split], quiet=True)
        lossless(root, split)
        for name, part in found.items():
            benchmark = benchmarks.find(name)
            questions = benchmark.open(root, part)
            meant, protocol = Meant(root, name), benchmark.protocol()
            ways: tuple[list[Prediction], list[Prediction]] = ([], [])
            for start in range(0, len(questions), BLOCK):
                samples, own = [], []
                for index in range(start, min(start + BLOCK, len(questions))):
                    scene = Scene.of(split, seed_of(questions.name(index), split))
                    read = questions.samples(index, protocol)
                    samples += read
                    own += [direct(sample, scene, meant, protocol) for sample in read]
                for way, predictor, asked in zip(ways, predictors, (samples, own), strict=True):
                    way += ask(predictor, asked, protocol)
            first, second = (protocol.summarise(protocol.count(one) for one in way) for way in ways)
            different = sum(one != other for one, other in zip(*ways, strict=True))
            yield Compared(name, protocol.name, len(ways[0]), different, first, second)


def main() -> None:
    """Print a line for each benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--formats", nargs="*", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/tiny"))
    options = parser.parse_args()
    predictors = Predictor.from_pretrained(options.checkpoint), Predictor.from_pretrained(options.checkpoint)
    print("| benchmark | protocol | questions | different | through files | directly |\n|---|---|---|---|---|---|")
    for form in options.formats:
        for one in compare(predictors, form, options.scenes):
            said = [
                ", ".join(
                    f"{key} {value:.6f}" for key, value in numbers.items() if value is not None and "@" not in key
                )
                for numbers in (one.through_files, one.directly)
            ]
            same = "the same" if one.through_files == one.directly else said[1]
            print(
                f"| `{one.name}` | {one.protocol} | {one.questions} | {one.different} | {said[0]} | {same} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
