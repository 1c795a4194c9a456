"""ReasonSeg: pictures with questions that take reasoning, each beside a JSON in the manner of LabelMe.

``reason_seg/ReasonSeg/{train,val,test}/NAME.jpg`` and ``NAME.json``: ``text`` (wordings of one question),
``is_sentence``, ``shapes`` of ``label`` and ``points``. Shapes are drawn largest first, later ones on top, outline
included; label "flag" is skipped, a label with "ignore" gives void, any other the target. Points are of the upright
picture.

* ``explanatory/SPLIT.json`` has answers by picture, for every wording of the picture's question. They are words alone,
  which give the reason: where the mark comes, and that it says no more before it than for what is absent, is for
  :mod:`data.asking`.
* ``false_premise_QA`` (added by SESAME): ``[question, is_sentence, answer]`` for what is not there, as queries of kind
  "premise" with one absent target. Its answer is words alone, too.

A JSON is read when its picture's queries are asked for: each holds one picture's annotations.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from data import masks
from data.datasets import _files
from data.datasets._store import Store
from data.datasets.base import IT, Dataset, Kind, Picture, Query, Source, Wanted
from data.images import upright_size
from data.notices import going_on
from data.sample import RLE, Target

NAME = "ReasonSeg"
FOLDER = Path("reason_seg", "ReasonSeg")
SPLITS = ("train", "val", "test")
ENCODINGS = ("utf-8", "cp1252")


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """The splits that have a folder."""
    return [
        Source(NAME, split, (root / FOLDER / split,), partial(ReasonSeg, root, split))
        for split in SPLITS
        if (root / FOLDER / split).is_dir()
    ]


class ReasonSeg(Dataset):
    """A split of ReasonSeg. Queries have the ids ``ReasonSeg/SPLIT/NAME/N`` and ``.../NAME/premise/N``.

    Raises:
        ValueError: the folder has no pictures, or the answers that explain cannot be read.
    """

    name = NAME

    def __init__(self, root: Path, split: str) -> None:
        self.split = split
        self._root, self._folder = root, root / FOLDER / split
        # A JSON without its picture is a picture that is missing, and an error when it is read.
        names = sorted({path.stem for path in self._folder.iterdir() if path.suffix in (".jpg", ".json")})
        if not names:
            raise ValueError(f"{self._folder}: has no pictures NAME.jpg")
        answers = _explanations(root / FOLDER / "explanatory" / f"{split}.json")
        self._records = Store({"name": name, "answer": answers.get(f"{name}.jpg")} for name in names)

    def __len__(self) -> int:
        return len(self._records)

    def picture(self, index: int) -> Picture:
        path = self._folder / f"{self._records[index]['name']}.jpg"
        return Picture(path, path.relative_to(self._root).as_posix(), None)

    def queries(self, index: int) -> list[Query]:
        record, picture = self._records[index], self.picture(index)
        file = self._folder / f"{record['name']}.json"
        where = file.relative_to(self._root).as_posix()
        if not file.is_file():
            raise ValueError(f"{picture.name}: has no {file.name} beside it: fetch it again, or take the picture away")
        note = _files.read_json(file, ENCODINGS)
        texts: list[str] = []
        kind: Kind = "phrase"
        with going_on():
            texts = _texts(note, where)
        with going_on():
            kind = "sentence" if _flag(note, where) else "phrase"
        shapes = _shapes(note, where)  # before the picture, which may be none
        target, void = _drawn(shapes, upright_size(picture.path, picture.name))
        id = f"{self.name}/{self.split}/{record['name']}"
        asked = [
            Query(f"{id}/{number}", text, kind, (Target(_named(kind, text), target),), void, record["answer"])
            for number, text in enumerate(texts)
        ]
        return asked + _premises(note, id, void, where)


def _explanations(file: Path) -> dict[str, str]:
    """Answers by picture; none where there is no such file."""
    if not file.is_file():
        return {}
    entries = _files.read_json(file, ENCODINGS)
    if not isinstance(entries, list):
        raise ValueError(f"{file}: expected a list of answers, found {type(entries).__name__}")
    found = {}
    for number, entry in enumerate(entries):
        where = f"{file}: entry {number}"
        name = _files.text(_files.key(entry, "image", where), f"{where}: image")
        found[name] = _reason(_files.key(entry, "outputs", where), f"{where}: outputs")
    return found


def _reason(words: object, where: str) -> str:
    said = _files.text(words, where)
    if "{seg}" in said:
        raise ValueError(f"{where}: holds {{seg}}, which would count as one more target")
    return said


def _texts(note: object, where: str) -> list[str]:
    texts = _files.key(note, "text", where)
    if not isinstance(texts, list) or not texts:
        raise ValueError(f"{where}: its text is {texts!r:.60}: expected a list of one wording or more")
    made = []
    for number, text in enumerate(texts):
        with going_on():
            made.append(_files.text(text, f"{where}: text {number}"))
    return made


def _flag(note: object, where: str) -> bool:
    flag = _files.key(note, "is_sentence", where)
    if not isinstance(flag, bool):
        raise ValueError(f"{where}: is_sentence is {flag!r:.60}: expected true or false")
    return flag


def _named(kind: str, text: str) -> str:
    return IT if kind == "sentence" else text


def _premises(note: dict[str, Any], id: str, void: RLE | None, where: str) -> list[Query]:
    entries = note.get("false_premise_QA")
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ValueError(f"{where}: its false_premise_QA is {entries!r:.60}: expected a list")
    made = []
    for number, entry in enumerate(entries):
        at = f"{where}: false_premise_QA {number}"
        with going_on():
            if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[1], bool):
                raise ValueError(f"{at}: expected [question, true or false, answer], found {entry!r:.60}")
            text = _files.text(entry[0], at)
            answer = _reason(entry[2], at)
            target = Target(_named("sentence" if entry[1] else "phrase", text), None)
            made.append(Query(f"{id}/premise/{number}", text, "premise", (target,), void, answer))
    return made


@dataclass(frozen=True)
class _Shape:
    """A shape before it is drawn: whether it gives void, its points and what to call it in errors."""

    ignored: bool
    points: list[tuple[float, float]]
    where: str


def _shapes(note: object, where: str) -> list[_Shape]:
    """Those that are drawn."""
    shapes = _files.key(note, "shapes", where)
    if not isinstance(shapes, list):
        raise ValueError(f"{where}: its shapes are {shapes!r:.60}: expected a list")
    made = []
    for number, shape in enumerate(shapes):
        at = f"{where}: shape {number}"
        with going_on():
            label = _files.text(_files.key(shape, "label", at), f"{at}: label").lower()
            if label != "flag":
                made.append(_Shape("ignore" in label, _points(_files.key(shape, "points", at), at), at))
    return made


def _drawn(shapes: list[_Shape], size: tuple[int, int]) -> tuple[RLE | None, RLE | None]:
    """The masks of target and void. The target is None where no shape is one, void where it has no pixel."""
    outlines: list[tuple[bool, list[tuple[int, int]]]] = []
    for shape in shapes:
        with going_on():
            outlines.append((shape.ignored, _outline(shape, size)))
    # Of two of one area the first lies on top, as numpy's sort, turned round, has it in the published loaders.
    outlines = sorted(outlines, key=lambda one: int(_filled(one[1], size).sum()))[::-1]
    value = np.zeros(size, dtype=np.uint8)  # 1 target, 2 void
    for ignored, outline in outlines:
        value[_filled(outline, size)] = 2 if ignored else 1
    void = masks.encode(value == 2) if (value == 2).any() else None
    return (None if all(ignored for ignored, _ in outlines) else masks.encode(value == 1)), void


def _points(points: object, where: str) -> list[tuple[float, float]]:
    """A polygon's corners (x, y)."""
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError(f"{where}: its points are no list of [x, y]")
    if len(points) < 3:
        raise ValueError(f"{where}: {len(points)} points are no polygon: draw it again")
    if not all(type(value) in (int, float) for point in points for value in point):
        raise ValueError(f"{where}: has a point that is no pair of numbers")
    return [(x, y) for x, y in points]


def _outline(shape: _Shape, size: tuple[int, int]) -> list[tuple[int, int]]:
    """A shape's corners, cut to whole pixels towards zero."""
    height, width = size
    reach = 10 * max(size)
    if not all(-reach <= value <= reach for point in shape.points for value in point):
        raise ValueError(f"{shape.where}: has a point that is no place in or near a picture of {width} x {height}")
    masks.notice_outside([value for point in shape.points for value in point], size, shape.where)
    return [(int(x), int(y)) for x, y in shape.points]


def _filled(outline: list[tuple[int, int]], size: tuple[int, int]) -> np.ndarray:
    """``(H, W)`` bool of a polygon's inside and its outline."""
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    draw.polygon(outline, fill=1)
    draw.line([*outline, outline[0]], fill=1)
    return np.array(canvas)
