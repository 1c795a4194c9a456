"""A folder of one's own: a file ``pinpoint.jsonl`` in ``ROOT/NAME``, one question a line. docs/datasets.md shows it.

A line has ``image`` (a path in the folder), ``question``, ``targets`` or ``answer`` or both, and perhaps ``void`` and
``split`` ("train" if it has none). A target has ``phrase`` and either ``mask`` or ``masks`` (one target that is several
things); without either, or with null, it is not in the picture. A mask is COCO run lengths, a list of polygons
``[x, y, x, y, ...]``, or the path of a PNG in the folder that is not 0 where the mask is. An answer has one ``{seg}``
for each target. All is in pixels of the upright picture.
"""

import difflib
import re
from functools import partial
from pathlib import Path
from typing import Any

from data import masks
from data.datasets import _files
from data.datasets._store import Store
from data.datasets.base import Dataset, Picture, Query, Source, Wanted
from data.images import open_mask, upright_size
from data.notices import going_on, is_noticing
from data.sample import RLE, Target

FILE = "pinpoint.jsonl"
SPLIT = "train"  # of a line that names none
_LINE = ("image", "question", "targets", "answer", "void", "split")
_TARGET = ("phrase", "mask", "masks")
_NAMES_SPLIT = re.compile(rb'"split"\s*:\s*"([^"\\]+)"')


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """The folders that have the file, and the splits that its lines name: each file is read for them."""
    found = []
    for file in sorted(root.glob(f"*/{FILE}")):
        if wanted is not None and file.parent.name not in wanted:
            continue
        for split in _splits(file):
            found.append(Source(file.parent.name, split, (file,), partial(Folder, root, file, split)))
    return found


def _splits(file: Path) -> list[str]:
    """In the order of the lines. A line is not parsed if its split can be seen, as masks are long."""
    splits: dict[str, None] = {}
    try:
        with file.open("rb") as lines:
            for line in lines:
                if line.strip():
                    splits[_split(line)] = None
    except OSError:
        pass  # opening it says what is wrong
    return list(splits) or [SPLIT]


def _split(line: bytes) -> str:
    seen = _NAMES_SPLIT.search(line)
    try:
        if seen:
            return seen[1].decode().strip()
        if b'"split"' in line:
            return str(_files.parse_json(line.decode(), FILE).get("split") or SPLIT).strip()
    except (ValueError, AttributeError):  # opening it says so, with the line
        pass
    return SPLIT


class Folder(Dataset):
    """A split of a folder. Lines of one picture are its queries; a query's id is ``NAME/SPLIT/LINE``, from 1.

    Raises:
        ValueError: the file cannot be read; or a line, which is named, is no JSON or has not the keys it must have.
    """

    def __init__(self, root: Path, file: Path, split: str) -> None:
        self.name, self.split = file.parent.name, split
        self._root, self._folder, self._file = root, file.parent, file.relative_to(root).as_posix()
        try:
            text = _files.read_bytes(file).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{file}: its bytes are not utf-8: save it in UTF-8") from error
        pictures: dict[str, list[dict[str, Any]]] = {}
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                where = self._where(number)
                with going_on():
                    values = _line(_files.parse_json(line, where, "a line must be one whole object"), where)
                    if values["split"] == split:
                        pictures.setdefault(values["image"], []).append({**values, "line": number})
        if not pictures and not is_noticing():  # a check tells why
            raise ValueError(f"{file}: has no line of split {split!r}")
        self._records = Store({"image": image, "lines": lines} for image, lines in pictures.items())

    def _where(self, line: int) -> str:
        return f"{self._file}: line {line}"

    def __len__(self) -> int:
        return len(self._records)

    def picture(self, index: int) -> Picture:
        return self._picture(self._records[index])

    def _picture(self, record: dict[str, Any]) -> Picture:
        where = self._where(record["lines"][0]["line"])
        path = _files.inside(self._root, self._folder, record["image"], where)
        return Picture(path, path.relative_to(self._root).as_posix(), None)

    def queries(self, index: int) -> list[Query]:
        record = self._records[index]
        picture = self._picture(record)
        try:
            size = upright_size(picture.path, picture.name)
        except ValueError:
            self._look_at_outlines(record)
            raise
        queries = []
        for line in record["lines"]:
            with going_on():
                queries.append(self._query(line, size))
        return queries

    def _look_at_outlines(self, record: dict[str, Any]) -> None:
        """Notice those of a picture without a size that are none in any picture."""
        for line in record["lines"]:
            for number, target in enumerate(line["targets"], 1):
                for mask in target["masks"]:
                    masks.check_polygons(mask, f"{self._where(line['line'])}: target {number}")

    def _query(self, line: dict[str, Any], size: tuple[int, int]) -> Query:
        where = self._where(line["line"])
        made = []
        for number, target in enumerate(line["targets"], 1):
            with going_on():
                made.append(Target(target["phrase"], self._union(target["masks"], size, f"{where}: target {number}")))
        targets = tuple(made)
        void = None if line["void"] is None else self._mask(line["void"], size, f"{where}: void")
        id = f"{self.name}/{self.split}/{line['line']}"
        return Query(id, line["question"], "sentence" if targets else "talk", targets, void, line["answer"])

    def _union(self, found: list[Any], size: tuple[int, int], where: str) -> RLE | None:
        return masks.union([self._mask(mask, size, where) for mask in found], size) if found else None

    def _mask(self, mask: object, size: tuple[int, int], where: str) -> RLE:
        if not isinstance(mask, str):
            return masks.from_coco(mask, size, where)
        inside = open_mask(_files.inside(self._root, self._folder, mask, where), f"{where}: {mask}")
        if inside.shape != size:
            found, wanted = (f"{side[1]} x {side[0]}" for side in (inside.shape, size))
            raise ValueError(f"{where}: {mask} is {found} pixels and the picture {wanted}")
        return masks.encode(inside)


def _line(values: object, where: str) -> dict[str, Any]:
    """A line with every key, its targets as ``phrase`` and ``masks`` (empty: not in the picture)."""
    image, question = (_files.text(_files.key(values, name, where), f"{where}: {name}") for name in _LINE[:2])
    assert isinstance(values, dict)
    _known(values, _LINE, where)
    targets, answer, split = values.get("targets") or [], values.get("answer"), values.get("split")
    if not isinstance(targets, list):
        raise ValueError(f"{where}: its targets are {targets!r:.60}: expected a list")
    if answer is not None:
        answer = _files.text(answer, f"{where}: answer")
        if answer.count("{seg}") != len(targets):
            raise ValueError(
                f"{where}: its answer has {answer.count('{seg}')} {{seg}} for {len(targets)} targets: write one after "
                "the words that name each"
            )
    elif not targets:
        raise ValueError(f"{where}: has neither targets nor an answer")
    return {
        "image": image,
        "question": question,
        "answer": answer,
        "targets": [_target(target, f"{where}: target {number}") for number, target in enumerate(targets, 1)],
        "void": values.get("void"),
        "split": SPLIT if split is None else _files.text(split, f"{where}: split"),
    }


def _target(target: object, where: str) -> dict[str, Any]:
    phrase = _files.text(_files.key(target, "phrase", where), f"{where}: phrase")
    assert isinstance(target, dict)
    _known(target, _TARGET, where)
    mask, several = target.get("mask"), target.get("masks")
    if mask is not None and several is not None:
        raise ValueError(f"{where}: has both mask and masks: write masks for several things that are one target")
    if several is not None and (not isinstance(several, list) or not several):
        raise ValueError(f"{where}: its masks are {several!r:.60}: expected a list of masks")
    return {"phrase": phrase, "masks": several or ([] if mask is None else [mask])}


def _known(values: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in values:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise ValueError(f"{where}: no key {name!r}: {hint}")
