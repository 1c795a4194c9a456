"""Trees of datasets, looked through sample by sample: what is asked, what is true, and what is wrong with it."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from data import check as checking
from data import datasets, masks
from data.asking import ask_alone
from data.check import Fault
from data.datasets.base import Dataset, Picture, Query, Source
from data.images import MOST_PIXELS, upright_size
from data.notices import Notice, noticing
from data.sample import Turn

MOST_HELD = 20_000  # samples whose text is kept for a search
LETTERS = 300  # of a text that are kept
_checking = threading.Lock()  # one check at a time: it reads every file of a dataset


@dataclass(frozen=True)
class Found:
    """What lies in a tree: datasets and splits by family, and families that could not be looked for, with why."""

    families: dict[str, list[Source]]
    problems: list[str]

    def names(self, family: str) -> list[str]:
        """Of a family's datasets."""
        return list(dict.fromkeys(source.dataset for source in self.families[family]))

    def splits(self, family: str, dataset: str) -> dict[str, Source]:
        """Of a dataset."""
        return {source.split: source for source in self.families[family] if source.dataset == dataset}


def look(root: Path) -> Found:
    """Every dataset and split of a tree; a family that fails leaves the others."""
    families: dict[str, list[Source]] = {}
    problems = []
    for family in datasets.available():
        try:
            if found := list(datasets.load(family).find(root, None)):
                families[family] = found
        except ValueError as error:
            problems.append(f"{family}: {_line(error, root)}")
    return Found(families, problems)


def open_split(source: Source, root: Path) -> tuple[Dataset, list[str]]:
    """A split, and what is wrong with its files, as far as its reader can go on.

    Raises:
        ValueError: it cannot.
    """
    with noticing() as noticed:
        try:
            opened = source.open()
        except ValueError as error:
            raise ValueError(_line(error, root)) from error
    return opened, list(dict.fromkeys(_line(one.line, root) for one in noticed))


@dataclass(frozen=True)
class Sample:
    """One sample as it is looked at.

    Attributes:
        picture: its picture, or None where even that is wrong.
        size: ``(H, W)`` of its masks.
        queries: what is asked of it.
        problems: what is wrong, a line each.
    """

    picture: Picture | None
    size: tuple[int, int]
    queries: tuple[Query, ...]
    problems: tuple[str, ...]


def sample(opened: Dataset, index: int, root: Path) -> Sample:
    """A picture and all that is asked of it, as far as they can be had; what :mod:`data.check` would find at it is
    named."""
    picture, size = None, (1, 1)
    queries: list[Query] = []
    problems: list[str] = []
    with noticing() as noticed:
        try:
            picture = opened.picture(index)
            size = _size(picture, problems)
        except ValueError as error:
            noticed.append(Notice("annotation", str(error)))
        try:
            queries = opened.queries(index)
        except ValueError as error:
            noticed.append(Notice("annotation", str(error)))
    for query in queries:
        if any(target.rle is not None and masks.area(target.rle) == 0 for target in query.targets):
            noticed.append(Notice("empty mask", f"{query.id}: asks for a mask without a pixel"))
    for one in noticed:
        remedy = checking.REMEDIES.get(one.kind, "")
        line = _line(one.line, root)
        # A reader's own line says what to do where there is something to say.
        problems.append(f"{line}: {remedy}" if remedy and one.kind != "annotation" else line)
    return Sample(picture, size, tuple(queries), tuple(dict.fromkeys(problems)))


def _size(picture: Picture, problems: list[str]) -> tuple[int, int]:
    """Of the annotations, or of the picture."""
    try:
        found = upright_size(picture.path, picture.name)
    except ValueError as error:
        problems.append(str(error))
        return picture.size or (1, 1)
    if picture.size is not None and picture.size != found:
        said = f"{picture.size[1]} x {picture.size[0]}"
        problems.append(f"{picture.name}: is {found[1]} x {found[0]} pixels and its annotations are for {said}")
        return picture.size
    return found


def worded(query: Query) -> Turn | None:
    """The question and the true answer in our words; None where the query says too little for them."""
    try:
        return ask_alone(query)
    except ValueError:
        return None


@dataclass(frozen=True)
class Held:
    """What a search knows of a sample."""

    picture: int
    query: int
    id: str
    text: str
    kind: str


@dataclass
class Index:
    """What has been read of a split: as much as there was time for, and going on when it is asked to.

    Attributes:
        pictures: how many the split has.
        read: how many were read.
        kinds: samples by kind of what is asked.
        targets, absent: masks, and things asked for that are not there.
        held: samples that a search finds.
        wrong: pictures with something wrong, and the first line of it.
        notes: what is wrong with the split's files, a line each.
    """

    pictures: int
    read: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    targets: int = 0
    absent: int = 0
    held: list[Held] = field(default_factory=list)
    wrong: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.read >= self.pictures

    def go_on(self, opened: Dataset, root: Path, seconds: float) -> None:
        """Read on for so long."""
        end = time.monotonic() + seconds
        while not self.whole and time.monotonic() < end:
            self._take(sample(opened, self.read, root))
            self.read += 1

    def _take(self, made: Sample) -> None:
        if made.problems:
            self.wrong[self.read] = made.problems[0]
        for number, query in enumerate(made.queries):
            self.kinds[query.kind] += 1
            self.targets += sum(not target.absent for target in query.targets)
            self.absent += sum(target.absent for target in query.targets)
            if len(self.held) < MOST_HELD:
                self.held.append(Held(self.read, number, query.id, query.text[:LETTERS], query.kind))

    def search(self, text: str, kind: str = "") -> list[Held]:
        """Samples with these words in their id or text, whatever the case of the letters."""
        words = text.strip().lower()
        return [
            one
            for one in self.held
            if kind in ("", one.kind) and (words in one.id.lower() or words in one.text.lower())
        ]


def check(root: Path, dataset: str) -> list[Fault]:
    """What is wrong with a dataset, pictures by their headers; one check at a time.

    Raises:
        ValueError: another check is at work, or the dataset is not there.
    """
    if not _checking.acquire(timeout=1):
        raise ValueError("another dataset is being checked; try again when that is done")
    try:
        faults = checking.check(root, dataset, quick=True, quiet=True).faults
        return [replace(fault, what=_line(fault.what, root)) for fault in faults]
    finally:
        _checking.release()


def drawable(size: tuple[int, int]) -> bool:
    """Whether masks of that size may be drawn."""
    return 0 < size[0] * size[1] <= MOST_PIXELS


def _line(error: object, root: Path) -> str:
    """A fault without the place of the tree on the disk."""
    return " ".join(str(error).split()).replace(f"{root}/", "").replace(str(root), root.name)
