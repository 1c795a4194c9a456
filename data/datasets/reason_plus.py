"""ReasonSeg-Plus of LISA++: instances, chains of thought, conversations and captions on COCO's train2017.

``reason_seg_plus/LISA_Plus_{Instance_Seg,COT,Conversations,Caption}.json``, each a list of rows; or as they are
released, ``reason_seg_plus/LISA_Plus_{...}/data.json``. Read here without a copy of the files at hand.

Sure, since independent programs that use the files agree on it, or cannot work otherwise:

* Instance_Seg: ``img_path``, ``English Question``, ``ID`` (COCO annotation ids, in order).

Likely, as UGround's loader alone has it:

* Instance_Seg: ``points``, by id: ``label name``, and the polygons in ``polygon`` or ``points``.
* COT and Caption: ``image_path``, ``English Question``, ``English Answer``; Conversations: ``img_pth`` and ``output``,
  turns that begin with ``<person>:`` or ``<robot>:``. All three: ``info``, polygons by id, with or without names.
* Marks in the words, :mod:`data.datasets._marks`. Pictures in ``refer_seg/images/mscoco/images/train2017``; LISA's
  tree has them in ``coco/train2017``, which is looked into next.

Not sure: whether a polygon is ``[x, y, x, y, ...]`` or ``[[x, y], ...]`` (both are read), whether there are run-length
masks (read where there are), whether marks name ids that have no mask (refused, as everything else is).

A row is a picture. A question that asks by itself is a "sentence", a turn of a conversation or a caption a "talk".
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

from data import masks
from data.datasets import _files
from data.datasets._marks import marked, unmarked
from data.datasets._store import Store
from data.datasets.base import IT, Dataset, Kind, Picture, Query, Source, Wanted
from data.images import upright_size
from data.notices import going_on, is_noticing
from data.sample import RLE, Target

FOLDER = Path("reason_seg_plus")
IMAGES = (Path("refer_seg", "images", "mscoco", "images", "train2017"), Path("coco", "train2017"))
SPLIT = "train"
PARTS = {"instance_seg": "Instance_Seg", "cot": "COT", "conversations": "Conversations", "caption": "Caption"}
_KEYS = {  # where a row has its picture and its masks
    "instance_seg": ("img_path", "points"),
    "cot": ("image_path", "info"),
    "conversations": ("img_pth", "info"),
    "caption": ("image_path", "info"),
}


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """The parts that have a file."""
    found = []
    for part, released in PARTS.items():
        for name in (f"LISA_Plus_{released}.json", f"LISA_Plus_{released}/data.json"):
            file = root / FOLDER / name
            if file.is_file():
                found.append(Source(f"{FOLDER}/{part}", SPLIT, (file,), partial(ReasonPlus, root, part, file)))
                break
    return found


class ReasonPlus(Dataset):
    """One of the four parts. A query's id is ``reason_seg_plus/PART/train/ROW``, with ``/TURN`` in a conversation.

    Raises:
        ValueError: the file cannot be read, is no list of rows, or a row has no picture or no masks.
    """

    split = SPLIT

    def __init__(self, root: Path, part: str, file: Path) -> None:
        self.name = f"{FOLDER}/{part}"
        self._root, self._part, self._file = root, part, file.relative_to(root).as_posix()
        rows = _files.read_json(file)
        if not isinstance(rows, list):
            raise ValueError(f"{file}: expected a list of rows, found {type(rows).__name__}")
        self._records = Store(self._record(row, f"{self._file}: row {number}") for number, row in enumerate(rows))

    def _record(self, row: object, where: str) -> dict[str, Any]:
        image, info = (_files.key(row, name, where) for name in _KEYS[self._part])
        if not isinstance(info, dict):
            raise ValueError(f"{where}: its {_KEYS[self._part][1]} are {info!r:.60}: expected masks by id")
        assert isinstance(row, dict)
        kept = ("English Question", "English Answer", "ID", "output")
        return {"image": _files.text(image, where), "info": info, **{name: row[name] for name in kept if name in row}}

    def __len__(self) -> int:
        return len(self._records)

    def picture(self, index: int) -> Picture:
        return self._picture(self._records[index], index)

    def _picture(self, record: dict[str, Any], index: int) -> Picture:
        where = f"{self._file}: row {index}"
        paths = [_files.inside(self._root, self._root / images, record["image"], where) for images in IMAGES]
        path = next((path for path in paths if path.is_file()), paths[0])
        return Picture(path, path.relative_to(self._root).as_posix(), None)

    def queries(self, index: int) -> list[Query]:
        record, where = self._records[index], f"{self._file}: row {index}"
        picture = self._picture(record, index)
        try:
            size = upright_size(picture.path, picture.name)
        except ValueError:
            for one, thing in record["info"].items():
                with going_on():
                    masks.check_polygons(_segmentation(thing, f"{where}: id {one}"), f"{where}: id {one}")
            raise
        things = _Things(record["info"], size, where)
        if is_noticing():
            things.look()
        id = f"{self.name}/{self.split}/{index}"
        if self._part == "conversations":
            return _conversation(
                _files.text(_files.key(record, "output", where), f"{where}: output"), things, id, where
            )
        question = _files.text(_files.key(record, "English Question", where), f"{where}: English Question")
        if self._part == "instance_seg":
            ids = _files.key(record, "ID", where)
            if not isinstance(ids, list) or not ids:
                raise ValueError(f"{where}: its ID is {ids!r:.60}: expected a list of ids")
            return [Query(id, question, "sentence", tuple(things.target(one, None) for one in ids))]
        at = f"{where}: English Answer"
        answer, named = marked(_files.text(_files.key(record, "English Answer", where), at), at)
        kind: Kind = "sentence" if self._part == "cot" else "talk"
        return [Query(id, unmarked(question), kind, things.targets(named), answer=answer)]


class _Things:
    """What a row has masks of, by id."""

    def __init__(self, info: dict[str, Any], size: tuple[int, int], where: str) -> None:
        self._info, self._size, self._where = info, size, where

    def targets(self, named: list[tuple[str, str | None]]) -> tuple[Target, ...]:
        return tuple(self.target(id, label) for id, label in named)

    def target(self, id: object, label: str | None) -> Target:
        where = f"{self._where}: id {id}"
        if not isinstance(id, str | int) or str(id) not in self._info:
            raise ValueError(f"{where}: has no mask in this row")
        thing = self._info[str(id)]
        if label is None and isinstance(thing, dict):
            label = thing.get("label name")
        phrase = IT if label is None else _files.text(label, f"{where}: label name")
        return Target(phrase, self._mask(thing, where))

    def look(self) -> None:
        """Notice things that are no masks of the picture, whether the words mark them or not."""
        for id, thing in self._info.items():
            with going_on():
                self._mask(thing, f"{self._where}: id {id}")

    def _mask(self, thing: object, where: str) -> RLE:
        return masks.from_coco(_segmentation(thing, where), self._size, where)


def _segmentation(thing: object, where: str) -> object:
    """As COCO has it."""
    if isinstance(thing, dict) and "counts" not in thing:
        name = "polygon" if "polygon" in thing else "points"
        thing = _files.key(thing, name, where)
    if isinstance(thing, list) and all(isinstance(one, list) and len(one) == 2 for one in thing):
        thing = [[value for point in thing for value in point]]  # one polygon of [x, y]
    return thing


def _conversation(output: str, things: _Things, id: str, where: str) -> list[Query]:
    """A query for each question, which knows the turns before it, without their marks."""
    begin, *parts = re.split(r"<(person|robot)>\s*:", output)
    if begin.strip() or [*parts[::2]] != ["person", "robot"] * (len(parts) // 4) or not parts:
        raise ValueError(f"{where}: its output is no conversation of <person>: and <robot>: by turns")
    said = [_files.text(part, f"{where}: output, part {number}") for number, part in enumerate(parts[1::2])]
    made: list[Query] = []
    earlier: tuple[tuple[str, str], ...] = ()
    for number, (question, reply) in enumerate(zip(said[::2], said[1::2], strict=True)):
        answer, named = marked(reply, f"{where}: output")
        text = unmarked(question)
        made.append(Query(f"{id}/{number}", text, "talk", things.targets(named), answer=answer, earlier=earlier))
        earlier = (*earlier, (text, unmarked(reply)))
    return made
