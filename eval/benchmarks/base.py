"""What every benchmark gives: pictures in order of their names, and all that is asked of each in fixed words."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol as Interface

from data import datasets
from data.asking import ask, ask_together
from data.datasets.base import Dataset, Query
from data.images import upright_size
from data.sample import Sample, Turn
from eval.protocols import MARK, Protocol


class Questions(Interface):
    """The pictures of a split, in order of their names.

    Attributes:
        files: the annotation files that they are read from; none of what is made on the spot.
    """

    files: Sequence[Path]

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Of a picture; nothing is read for it."""
        ...

    def samples(self, index: int, protocol: Protocol) -> list[Sample]:
        """All conversations about a picture, in the protocol's wording; none where it asks nothing of it. ``image`` is
        the picture's name.

        Raises:
            ValueError: the picture's annotations are wrong, or its size cannot be read.
        """
        ...


Choose = Callable[[Query, str, Protocol], bool]
"""Whether a query of a split is asked under a protocol."""


def all_queries(query: Query, split: str, protocol: Protocol) -> bool:
    """Every one."""
    return True


def present_or_absent(query: Query) -> str:
    """The kind of a query's questions: "absent" where nothing that it asks for is there, else what the dataset says."""
    return "absent" if all(target.absent for target in query.targets) else query.kind


@dataclass(frozen=True)
class Benchmark:
    """A dataset with the rules that it is counted by.

    Attributes:
        name: as its reader names the dataset.
        splits: that are evaluated.
        protocols: rule sets; the first is the default.
        part_of: split -> the split of the dataset that it is a part of, where the names differ.
        asked: which queries are.
        kind: of a query's questions, by which results are broken down.
        rooted: it lies in a tree of datasets.
    """

    name: str
    splits: tuple[str, ...]
    protocols: tuple[Protocol, ...]
    part_of: Mapping[str, str] = field(default_factory=dict)
    asked: Choose = all_queries
    kind: Callable[[Query], str] = present_or_absent
    rooted: bool = True

    def protocol(self, name: str | None = None) -> Protocol:
        """The protocol of that name, ``NAME`` or ``NAME@WORDING``; the default if None.

        Raises:
            ValueError: there is none; the near one is suggested.
        """
        if name is None:
            return self.protocols[0]
        rules, _, style = name.partition(MARK)
        found = next((one for one in self.protocols if one.name == rules), None)
        if found is None:
            names = [one.name for one in self.protocols]
            near = difflib.get_close_matches(rules, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise ValueError(f"{self.name} has no protocol {rules!r}: {hint}")
        return found.worded(style) if style else found

    def check_split(self, split: str) -> None:
        """
        Raises:
            ValueError: the benchmark has no such split.
        """
        if split not in self.splits:
            raise ValueError(f"{self.name} has no split {split!r}: it has {', '.join(self.splits)}")

    def open(self, root: Path | None, split: str, count: int | None = None) -> Questions:
        """The questions of a split.

        Args:
            root: of the dataset trees.
            split: its name.
            count: the first so many pictures by name; all if None.

        Raises:
            ValueError: there is no such split, it does not lie in the tree, or its annotations cannot be read.
        """
        self.check_split(split)
        if root is None:
            raise ValueError(f"{self.name}: name the root of the dataset trees")
        source = datasets.find(root, self.name, self.part_of.get(split, split))
        return Read(self, split, source.open(), count, source.files)


class Read:
    """The questions of a dataset on disk.

    Args:
        benchmark: whose rules say what is asked.
        split: of the benchmark.
        dataset: opened.
        count: the first so many pictures by name; all if None.
        files: its annotation files.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        split: str,
        dataset: Dataset,
        count: int | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        self.files = files
        self._benchmark, self._split, self._dataset = benchmark, split, dataset
        names = [(dataset.picture(index).name, index) for index in range(len(dataset))]
        self._places = sorted(names)[:count]

    def __len__(self) -> int:
        return len(self._places)

    def name(self, index: int) -> str:
        return self._places[index][0]

    def queries(self, index: int, protocol: Protocol) -> list[Query]:
        """What is asked of a picture, before it is put in words."""
        queries = self._dataset.queries(self._places[index][1])
        return [query for query in queries if self._benchmark.asked(query, self._split, protocol)]

    def samples(self, index: int, protocol: Protocol) -> list[Sample]:
        queries = self.queries(index, protocol)
        turns = [ask(query, None, protocol.style) for query in queries]
        return self._samples(index, protocol, list(zip(queries, turns, strict=True)))

    def together(self, index: int, protocol: Protocol) -> tuple[Sample, list[Sample]] | None:
        """All queries of a picture in one question, and the samples of :meth:`samples`, which have one target each, in
        the same order; None where nothing is asked of the picture."""
        queries = self.queries(index, protocol)
        if not queries:
            return None
        turn = ask_together(queries, None, protocol.style)
        (joint,) = self._samples(index, protocol, [(queries[0], (turn,))])
        return joint, self.samples(index, protocol)

    def _samples(self, index: int, protocol: Protocol, asked: Sequence[tuple[Query, tuple[Turn, ...]]]) -> list[Sample]:
        if not asked:
            return []
        picture = self._dataset.picture(self._places[index][1])
        size = picture.size or upright_size(picture.path, picture.name)
        made = []
        for query, turns in asked:
            of_kind = (*turns[:-1], replace(turns[-1], kind=self._benchmark.kind(query)))
            void = query.void if protocol.void else None
            made.append(Sample(query.id, picture.load, size, of_kind, void, picture.name))
        return made
