"""MUSE: questions that ask for several things, and answers that name and mark each.

``muse/`` (PixelLM) or ``multi_reason_seg/MultiReasonSeg/`` (UGround) has ``MUSE_{train,val,test_less,test_many}.json``,
in capitals or not: a list of pictures, each with ``height``, ``width``, ``questions``, ``answers`` (for each question
the COCO annotations that answer it) and perhaps ``text_answers`` (with one ``{seg}`` for each of them, or null). A
picture with ``file_name`` is of train2014; of another ``coco_url`` names folder and file. Both lie in
``refer_seg/images/mscoco/images``.
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

from data import masks
from data.datasets import _files
from data.datasets._store import Store
from data.datasets.base import Dataset, Picture, Query, Source, Wanted
from data.notices import going_on
from data.sample import Target

NAME = "muse"
FOLDERS = (Path("muse"), Path("multi_reason_seg", "MultiReasonSeg"))
IMAGES = Path("refer_seg", "images", "mscoco", "images")
SPLITS = ("train", "val", "test_less", "test_many")


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """The splits that have a file; where both folders have one, it is the first folder's."""
    files: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*.json")):
            match = re.fullmatch(rf"muse_({'|'.join(SPLITS)})\.json", path.name, re.IGNORECASE)
            if match:
                files.setdefault(match[1].lower(), path)
    return [
        Source(NAME, split, (files[split],), partial(Muse, root, split, files[split]))
        for split in SPLITS
        if split in files
    ]


class Muse(Dataset):
    """A split of MUSE: one query a question, whose id is ``muse/SPLIT/ENTRY/QUESTION``.

    Raises:
        ValueError: the file cannot be read, is no list, or an entry is no picture with questions and answers.
    """

    name = NAME

    def __init__(self, root: Path, split: str, file: Path) -> None:
        self.split = split
        self._root, self._file = root, file.relative_to(root).as_posix()
        entries = _files.read_json(file)
        if not isinstance(entries, list):
            raise ValueError(f"{file}: expected a list of pictures, found {type(entries).__name__}")
        self._records = Store(_record(entry, f"{self._file}: entry {n}") for n, entry in enumerate(entries))

    def __len__(self) -> int:
        return len(self._records)

    def picture(self, index: int) -> Picture:
        record = self._records[index]
        path = _files.inside(self._root, self._root / IMAGES, record["image"], f"{self._file}: entry {index}")
        return Picture(path, path.relative_to(self._root).as_posix(), (record["size"][0], record["size"][1]))

    def queries(self, index: int) -> list[Query]:
        record = self._records[index]
        size = (record["size"][0], record["size"][1])
        made = []
        for number, asked in enumerate(record["asked"]):
            where = f"{self._file}: entry {index}: question {number}"
            targets = []
            for phrase, segmentation in asked["targets"]:
                with going_on():
                    targets.append(Target(phrase, masks.from_coco(segmentation, size, f"{where}: {phrase}")))
            answer, wanted = asked["answer"], len(asked["targets"])
            with going_on():
                if answer is not None and answer.count("{seg}") != wanted:
                    raise ValueError(
                        f"{where}: its answer has {answer.count('{seg}')} {{seg}} for {wanted} masks: "
                        "it must have one for each"
                    )
                id = f"{self.name}/{self.split}/{index}/{number}"
                made.append(Query(id, asked["question"], "sentence", tuple(targets), answer=answer))
        return made


def _record(entry: object, where: str) -> dict[str, Any]:
    """What is needed of a picture: ``image`` (below :data:`IMAGES`), ``size`` and ``asked``."""
    size = _files.picture_size(_files.key(entry, "height", where), _files.key(entry, "width", where), where)
    questions, answers = _files.key(entry, "questions", where), _files.key(entry, "answers", where)
    for name, values in (("questions", questions), ("answers", answers)):
        if not isinstance(values, list):
            raise ValueError(f"{where}: its {name} are {values!r:.60}: expected a list")
    assert isinstance(entry, dict)
    said = entry.get("text_answers")
    said = [None] * len(questions) if said is None else said
    if not isinstance(said, list) or not len(questions) == len(answers) == len(said):
        raise ValueError(f"{where}: its questions, answers and text_answers are not of one number")
    asked = []
    for number, (question, found, words) in enumerate(zip(questions, answers, said, strict=True)):
        at = f"{where}: question {number}"
        if not isinstance(found, list) or not found:
            raise ValueError(f"{at}: its answer is {found!r:.60}: expected a list of annotations")
        asked.append(
            {
                "question": _files.text(question, at),
                "answer": None if words is None else _files.text(words, f"{at}: text_answers"),
                "targets": [(_phrase(one, at), _files.key(one, "segmentation", at)) for one in found],
            }
        )
    return {"image": _image(entry, where), "size": size, "asked": asked}


def _image(entry: dict[str, Any], where: str) -> str:
    if "file_name" in entry:
        return f"train2014/{_files.text(entry['file_name'], f'{where}: file_name')}"
    url = _files.text(_files.key(entry, "coco_url", f"{where}: has no file_name and"), f"{where}: coco_url")
    return "/".join(url.split("/")[-2:])


def _phrase(annotation: object, where: str) -> str:
    name = "rephrased_name" if isinstance(annotation, dict) and annotation.get("rephrased_name") else "category_name"
    return _files.text(_files.key(annotation, name, where), f"{where}: {name}").replace("_", " ")
