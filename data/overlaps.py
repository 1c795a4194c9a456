"""Pictures that splits share: what was trained on may be what is measured on."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

BY_OBJECT = "/google"
"""How the names of the sets end that were split by object (Mao et al., Google's RefCOCOg split; its like for RefCOCO):
there one picture is in several splits by design. The splits of UNC and UMD divide pictures.
https://www.tensorflow.org/datasets/catalog/ref_coco"""
TRAIN = "train"
EXAMPLES = 3  # of an overlap


@dataclass(frozen=True)
class Overlap:
    """Two splits that share pictures.

    Attributes:
        dataset, split: the later one of one dataset's splits, or the one that is held out.
        other, other_split: the one that it shares pictures with.
        count: pictures of this split that the other has as well, by content.
        pictures: of this split, in all.
        examples: paths in the tree of some of them, as this split has them.
    """

    dataset: str
    split: str
    other: str
    other_split: str
    count: int
    pictures: int
    examples: tuple[str, ...]


@dataclass
class _Part:
    """The pictures of one split, as numbers, and the names of those that were first seen under another one."""

    numbers: "array[int]" = field(default_factory=lambda: array("L"))
    names: dict[int, str] = field(default_factory=dict)


class Pictures:
    """The pictures of many splits: 8 bytes for each of a split, and its print and name once for all of them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._parts: dict[tuple[str, str], _Part] = {}

    def add(self, dataset: str, split: str, content: str, name: str) -> None:
        """A picture of a split.

        Args:
            dataset, split: which.
            content: what tells it from others, whatever its name.
            name: its path in the tree.
        """
        part = self._parts.setdefault((dataset, split), _Part())
        number = self._numbers.setdefault(content, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        elif self._names[number] != name:
            part.names.setdefault(number, name)
        part.numbers.append(number)

    def within(self, dataset: str) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
        """For each two splits of a dataset that share pictures: the two, and the names of each picture in both."""
        splits = sorted((split for name, split in self._parts if name == dataset), key=lambda split: split != TRAIN)
        for place, later in enumerate(splits):
            for split in splits[:place]:
                shared = self._shared((dataset, split), (dataset, later))
                if shared:
                    names = [
                        (self._name((dataset, split), number), self._name((dataset, later), number))
                        for number in shared
                    ]
                    yield split, later, names

    def by_design(self) -> Iterator[Overlap]:
        """Two splits of a set that was split by object."""
        for dataset in dict.fromkeys(name for name, _ in self._parts if name.endswith(BY_OBJECT)):
            for split, later, _ in self.within(dataset):
                yield self._overlap((dataset, split), (dataset, later))

    def across(self) -> Iterator[Overlap]:
        """What one dataset trains on and another one holds out, the largest first for each that is held out."""
        for held in self._parts:
            if held[1] != TRAIN:
                others = [other for other in self._parts if other[0] != held[0] and other[1] == TRAIN]
                found = [self._overlap(other, held) for other in others]
                yield from sorted((one for one in found if one.count), key=lambda one: (-one.count, one.other))

    def _overlap(self, one: tuple[str, str], other: tuple[str, str]) -> Overlap:
        shared = self._shared(one, other)
        examples = tuple(self._name(other, number) for number in shared[:EXAMPLES])
        return Overlap(*other, *one, len(shared), len(self._unique(other)), examples)

    def _shared(self, one: tuple[str, str], other: tuple[str, str]) -> list[int]:
        shared: list[int] = np.intersect1d(self._unique(one), self._unique(other), assume_unique=True).tolist()
        return shared

    def _unique(self, part: tuple[str, str]) -> np.ndarray:
        return np.unique(np.frombuffer(self._parts[part].numbers, dtype=np.dtype("L")))

    def _name(self, part: tuple[str, str], number: int) -> str:
        return self._parts[part].names.get(number, self._names[number])
