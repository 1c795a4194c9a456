"""Walks a tree of datasets and says what is in it and what is wrong, without stopping at the first fault."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data import datasets, masks
from data.datasets.base import Dataset, Picture, Query, Source, Wanted, Whole
from data.images import upright_size
from data.notices import Notice, noticing
from data.overlaps import BY_OBJECT, Overlap, Pictures

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
    "in two splits": "take the picture out of one of the two splits",
}
"""What can be wrong, and what to do about it."""

BY_DESIGN = "nothing to mend: the set was split by object, its pictures are shared by design"
LEAK = "no fault of either set; but do not report on the one what was trained on the other, or leave these pictures out"


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
class Remark:
    """Pictures that two splits share and that are no fault; of one dataset that was split by object, or of two.

    Attributes:
        overlap: the two splits, how many pictures and some of their names.
        what: the same in one line.
        remedy: what to do about it.
    """

    overlap: Overlap
    what: str
    remedy: str


@dataclass(frozen=True)
class Report:
    """What a tree holds, its faults, and remarks that are none."""

    parts: tuple[Part, ...]
    faults: tuple[Fault, ...]
    remarks: tuple[Remark, ...]

    def as_json(self) -> dict[str, Any]:
        """``passed`` and the three lists; a remark's overlap beside its ``what`` and ``remedy``."""
        remarks = [{**asdict(one.overlap), "what": one.what, "remedy": one.remedy} for one in self.remarks]
        return {"passed": not self.faults, **asdict(self), "remarks": remarks}


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
        self._pictures = Pictures()
        self._looked: dict[tuple[Path, Size | None], tuple[Size | None, str, str]] = {}
        self._prints: dict[Path, str] = {}
        self._unopened: set[str] = set()
        self._told: set[tuple[str, str]] = set()  # dataset and line
        self._whole: set[Path] = set()  # files that were looked at

    def run(self, only: str | None) -> Report:
        found = list(self._sources(None if only is None else [only]))
        if only is not None and not found:
            raise datasets.unknown(self.root, only, list(self._sources(None)))
        if not found and not self.faults:
            raise ValueError(f"{self.root}: holds none of the datasets that are read: name the root of their trees")
        for name in dict.fromkeys(source.dataset for source in found):
            splits = [source for source in found if source.dataset == name]
            for source in splits:
                self._part(source)
            for source in splits:
                for whole in source.wholes:
                    self._look_at(whole, source)
            if not name.endswith(BY_OBJECT):
                self._shared(name)
        return Report(tuple(self.parts), tuple(self.faults), tuple(self._remarks()))

    def _sources(self, wanted: Wanted) -> Iterator[Source]:
        if not self.root.is_dir():
            raise ValueError(f"no folder {self.root}: name the root of the dataset trees")
        for family in datasets.available():
            try:
                for source in datasets.load(family).find(self.root, wanted):
                    if wanted is None or source.dataset in wanted:
                        yield source
            except ValueError as error:
                self._fault("cannot open", family, "", "", str(error))

    def _part(self, source: Source) -> None:
        """Check a split."""
        try:
            with noticing() as noticed:
                opened = source.open()
        except ValueError as error:
            if str(error) not in self._unopened:  # one file may be that of several splits
                self._unopened.add(str(error))
                self._wrong("cannot open", source, str(error))
            self.parts.append(Part(source.dataset, source.split))
            return
        finally:
            self._tell(source, noticed)
        part = _Tally(source.dataset, source.split)
        numbers = range(len(opened))
        title = f"{source.dataset}/{source.split}"
        for index in tqdm(numbers, desc=title, unit="picture", leave=False, disable=self.quiet):
            picture, queries = self._one(source, opened, index)
            part.counts["pictures"] += 1
            if picture is not None:
                size, _, _ = self._looked[picture.path, picture.size]
                if size is not None:
                    part.sizes.append(size)
                    self._pictures.add(source.dataset, source.split, self._print(picture), picture.name)
            for query in queries:
                self._query(source, part, query)
        self.parts.append(part.made())

    def _look_at(self, whole: Whole, source: Source) -> None:
        """What only a look at a whole file tells; each file once, and nothing that a split has told."""
        if whole.file in self._whole:
            return
        self._whole.add(whole.file)
        told = {line for _, line in self._told} | self._unopened
        source = replace(source, split="")
        with noticing() as noticed:
            try:
                title = self._relative(whole.file)
                for _ in tqdm(whole.look(), desc=title, unit="entry", leave=False, disable=self.quiet):
                    pass
            except ValueError as error:
                noticed.append(Notice("cannot open", str(error)))
        self._tell(source, [one for one in noticed if one.line not in told])

    def _one(self, source: Source, opened: Dataset, index: int) -> tuple[Picture | None, list[Query]]:
        """A picture and its queries, as far as they can be had."""
        picture, size = None, None
        queries: list[Query] = []
        try:
            picture = opened.picture(index)
        except ValueError as error:
            self._wrong("annotation", source, str(error))
        if picture is not None:
            size, kind, what = self._look(picture)
            if kind:
                self._fault(kind, source.dataset, source.split, picture.name, what)
        with noticing() as noticed:
            try:
                queries = opened.queries(index)
            except ValueError as error:
                if picture is None or size is not None or str(error) != _header_fault(picture):  # that one was told
                    noticed.append(Notice("annotation", str(error)))
        self._tell(source, noticed)
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

    def _shared(self, name: str) -> None:
        """Pictures that are in more than one split of a dataset, a fault each."""
        for split, later, pictures in self._pictures.within(name):
            for one, other in pictures:
                there = "" if one == other else f" as {other}"
                self._fault("in two splits", name, later, one, f"{one}: is in {split} and in {later}{there}")

    def _remarks(self) -> Iterator[Remark]:
        for one in self._pictures.by_design():
            yield Remark(one, _in_words(one), BY_DESIGN)
        for one in self._pictures.across():
            yield Remark(one, _in_words(one), LEAK)

    def _tell(self, source: Source, noticed: list[Notice]) -> None:
        for one in noticed:
            self._wrong(one.kind, source, one.line)

    def _wrong(self, kind: str, source: Source, what: str) -> None:
        """A fault of an annotation; its file is the one that the line names, or else the first of the split."""
        if (source.dataset, what) in self._told:  # a fault that several splits, or things of a picture, run into
            return
        self._told.add((source.dataset, what))
        begin = what.partition(": ")[0]
        named = [file for file in (Path(begin), self.root / begin) if os.path.isfile(file)]  # false for what is no name
        meant = [file for file in source.files if file.name in begin]
        file = next(iter([*named, *meant, *source.files]), None)
        self._fault(kind, source.dataset, source.split, self._relative(file) if file else "", what)

    def _fault(self, kind: str, dataset: str, split: str, file: str, what: str) -> None:
        line = " ".join(what.split()).replace(f"{self.root}/", "")
        self.faults.append(Fault(kind, dataset, split, file, line, REMEDIES[kind]))

    def _relative(self, file: Path) -> str:
        return str(file.relative_to(self.root)) if file.is_relative_to(self.root) else str(file)


def _in_words(one: Overlap) -> str:
    held, other = f"{one.dataset}/{one.split}", f"{one.other}/{one.other_split}"
    return f"{held}: {one.count:,} of its {one.pictures:,} pictures are in {other} as well"


def _header_fault(picture: Picture) -> str:
    """What a reader says that needs the picture's size and cannot have it; "" if it can."""
    try:
        upright_size(picture.path, picture.name)
    except ValueError as error:
        return str(error)
    return ""


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
