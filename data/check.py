"""Walks a tree of datasets and says what is in it and what is wrong, without stopping at the first fault."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data import datasets, masks
from data.datasets.base import Dataset, Picture, Query, Source
from data.images import upright_size

Size = tuple[int, int]

REMEDIES = {
    "cannot open": "mend the file, or get it again from its authors",
    "annotation": "mend the annotation, or take it out of the file",
    "missing image": "put the picture there, or take its annotations out",
    "unreadable image": "get the picture again",
    "size mismatch": "get the pictures and the annotations of one release",
    "polygon outside": "it is cut off at the edge; check that the annotations belong to this picture",
    "empty mask": "draw the mask again, or mark the text as asking for nothing",
    "duplicate id": "give every annotation an id of its own",
    "in train and test": "take the picture out of one of the two splits",
}
"""What can be wrong, and what to do about it."""

BY_OBJECT = "/google"
"""How the names of the sets end that were split by object (Mao et al., Google's RefCOCOg split; its like for RefCOCO):
there one picture is in several splits by design, so that is worth a remark and mends nothing."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: one of :data:`REMEDIES`.
        dataset, split: where; the split is "" where it concerns none.
        file: the file's path in the tree, "" if it has none.
        what: what is wrong, one line.
        remedy: what to do about it.
    """

    kind: str
    dataset: str
    split: str
    file: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Part:
    """What a dataset's split holds.

    Attributes:
        dataset, split: which.
        pictures: how many.
        samples: texts that ask something.
        targets: things asked for that are there, with a mask each.
        empties: things asked for that are not.
        sizes: "smallest", "median" and "largest" picture by area, (H, W) each; empty if none could be read.
    """

    dataset: str
    split: str
    pictures: int = 0
    samples: int = 0
    targets: int = 0
    empties: int = 0
    sizes: dict[str, Size] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What a tree holds, its faults, and remarks that are none."""

    parts: tuple[Part, ...]
    faults: tuple[Fault, ...]
    remarks: tuple[Fault, ...]

    def as_json(self) -> dict[str, Any]:
        """``passed`` and the three lists."""
        return {"passed": not self.faults, **asdict(self)}


def check(root: Path, dataset: str | None = None, quick: bool = False, quiet: bool = False) -> Report:
    """Read every annotation and every picture of a tree.

    Args:
        root: of the tree.
        dataset: check this one alone.
        quick: look at the pictures' headers alone: their pixels may be damaged, and a picture that is in two splits
            under two names is not found.
        quiet: no progress bar.

    Raises:
        ValueError: there is no such folder, it holds no dataset, or not the named one.
    """
    return _Walk(root, quick, quiet).run(dataset)


class _Walk:
    """One walk through a tree."""

    def __init__(self, root: Path, quick: bool, quiet: bool) -> None:
        self.root, self.quick, self.quiet = root, quick, quiet
        self.parts: list[Part] = []
        self.faults: list[Fault] = []
        self.remarks: list[Fault] = []
        self._looked: dict[tuple[Path, Size | None], tuple[Size | None, str, str]] = {}
        self._prints: dict[Path, str] = {}
        self._unopened: set[str] = set()

    def run(self, only: str | None) -> Report:
        everything = list(self._sources())
        found = [source for source in everything if only in (None, source.dataset)]
        if only is not None and not found:
            raise datasets.unknown(self.root, only, everything)
        if not found and not self.faults:
            raise ValueError(f"{self.root}: holds none of the datasets that are read: name the root of their trees")
        for name in dict.fromkeys(source.dataset for source in found):
            splits = {source.split: self._part(source) for source in found if source.dataset == name}
            self._shared(name, splits)
        return Report(tuple(self.parts), tuple(self.faults), tuple(self.remarks))

    def _sources(self) -> Iterator[Source]:
        if not self.root.is_dir():
            raise ValueError(f"no folder {self.root}: name the root of the dataset trees")
        for family in datasets.available():
            try:
                yield from datasets.load(family).find(self.root)
            except ValueError as error:
                self._fault("cannot open", family, "", "", str(error))

    def _part(self, source: Source) -> dict[str, str]:
        """Check a split; returns its pictures, content (or path, when quick) -> path in the tree."""
        try:
            opened = source.open()
        except ValueError as error:
            if str(error) not in self._unopened:  # one file may be that of several splits
                self._unopened.add(str(error))
                self._wrong("cannot open", source, str(error))
            self.parts.append(Part(source.dataset, source.split))
            return {}
        part = _Tally(source.dataset, source.split)
        pictures: dict[str, str] = {}
        numbers = range(len(opened))
        title = f"{source.dataset}/{source.split}"
        for index in tqdm(numbers, desc=title, unit="picture", leave=False, disable=self.quiet):
            picture, queries = self._one(source, opened, index)
            part.counts["pictures"] += 1
            if picture is not None:
                size, _, _ = self._looked[picture.path, picture.size]
                if size is not None:
                    part.sizes.append(size)
                    pictures.setdefault(self._print(picture), picture.name)
            for query in queries:
                self._query(source, part, query)
        self.parts.append(part.made())
        return pictures

    def _one(self, source: Source, opened: Dataset, index: int) -> tuple[Picture | None, list[Query]]:
        """A picture and its queries, as far as they can be had."""
        try:
            picture = opened.picture(index)
        except ValueError as error:
            self._wrong("annotation", source, str(error))
            return None, []
        size, kind, what = self._look(picture)
        if kind:
            self._fault(kind, source.dataset, source.split, picture.name, what)
        try:
            with masks.noticing() as noticed:
                queries = opened.queries(index)
        except ValueError as error:
            if size is not None or picture.path.name not in str(error):  # else it is the picture's fault again
                self._wrong("annotation", source, str(error))
            queries = []
        for line in dict.fromkeys(noticed):
            self._wrong("polygon outside", source, line)
        return picture, queries

    def _look(self, picture: Picture) -> tuple[Size | None, str, str]:
        """(its size, the kind of its fault, what is wrong); pictures that datasets share are read once."""
        key = (picture.path, picture.size)
        if key not in self._looked:
            self._looked[key] = self._read(picture)
        return self._looked[key]

    def _read(self, picture: Picture) -> tuple[Size | None, str, str]:
        if not picture.path.is_file():
            return None, "missing image", f"{picture.name}: there is no such file"
        try:
            if self.quick:
                height, width = upright_size(picture.path, picture.name)
            else:
                height, width = replace(picture, size=None).load().shape[:2]
        except ValueError as error:
            return None, "unreadable image", str(error)
        if picture.size is None or picture.size == (height, width):
            return (height, width), "", ""
        said = f"{picture.size[1]} x {picture.size[0]}"
        what = f"{picture.name}: is {width} x {height} pixels and its annotations are for {said}"
        return (height, width), "size mismatch", what

    def _print(self, picture: Picture) -> str:
        """What tells a picture from others: its bytes, or its path when there is no time to read them."""
        if self.quick:
            return picture.name
        if picture.path not in self._prints:
            with picture.path.open("rb") as file:
                self._prints[picture.path] = hashlib.file_digest(file, _digest).hexdigest()
        return self._prints[picture.path]

    def _query(self, source: Source, part: "_Tally", query: Query) -> None:
        part.counts["samples"] += 1
        if query.id in part.ids:
            self._wrong("duplicate id", source, f"{query.id}: the id is there more than once")
        part.ids.add(query.id)
        for target in query.targets:
            if target.rle is None:
                part.counts["empties"] += 1
                continue
            part.counts["targets"] += 1
            if masks.area(target.rle) == 0:
                self._wrong("empty mask", source, f"{query.id}: {query.text!r} asks for a mask without a pixel")

    def _shared(self, name: str, splits: dict[str, dict[str, str]]) -> None:
        """Pictures of the training split that are in another one as well."""
        train = splits.get("train", {})
        for split, pictures in splits.items():
            for one in pictures if split != "train" else ():
                if one not in train:
                    continue
                there = "" if pictures[one] == train[one] else f" as {pictures[one]}"
                what = f"{train[one]}: is in train and in {split}{there}"
                if name.endswith(BY_OBJECT):
                    remedy = "nothing to mend: the set was split by object, its pictures are shared by design"
                    self.remarks.append(Fault("in train and test", name, split, train[one], what, remedy))
                else:
                    self._fault("in train and test", name, split, train[one], what)

    def _wrong(self, kind: str, source: Source, what: str) -> None:
        """A fault of an annotation; its file is the one that the line names, or else the first of the split."""
        begin = what.partition(": ")[0]
        named = [file for file in (Path(begin), self.root / begin) if file.is_file()]
        meant = [file for file in source.files if file.name in begin]
        file = next(iter([*named, *meant, *source.files]), None)
        self._fault(kind, source.dataset, source.split, self._relative(file) if file else "", what)

    def _fault(self, kind: str, dataset: str, split: str, file: str, what: str) -> None:
        line = " ".join(what.split()).replace(f"{self.root}/", "")
        self.faults.append(Fault(kind, dataset, split, file, line, REMEDIES[kind]))

    def _relative(self, file: Path) -> str:
        return str(file.relative_to(self.root)) if file.is_relative_to(self.root) else str(file)


def _digest() -> Any:
    return hashlib.blake2b(digest_size=16)


@dataclass
class _Tally:
    """A :class:`Part` while it is counted."""

    dataset: str
    split: str
    counts: Counter[str] = field(default_factory=Counter)
    sizes: list[Size] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def made(self) -> Part:
        order = sorted(self.sizes, key=lambda size: (size[0] * size[1], size))
        middle = len(order) // 2
        sizes = {"smallest": order[0], "median": order[middle], "largest": order[-1]} if order else {}
        return Part(self.dataset, self.split, **self.counts, sizes=sizes)
