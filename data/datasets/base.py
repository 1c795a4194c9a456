"""What every reader gives: pictures, and what is asked of each, before it is put in words.

Opening a dataset reads its annotations once and packs them (:mod:`data.datasets._store`); a picture's queries are made
when they are asked for, in the worker that asks, and so are their masks.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from data.images import open_image
from data.sample import RLE, Target

IT = "it"
"""The phrase of what a whole question asks for: such a target is named by no words of the question."""

Wanted = Collection[str] | None
"""Names of datasets that are looked for; None for any."""

Kind = Literal["phrase", "sentence", "class", "part", "premise", "talk"]


@dataclass(frozen=True)
class Query:
    """One thing asked of a picture.

    Attributes:
        id: unique in its dataset and split, ``DATASET/SPLIT/...``.
        text: what is asked for, as in the file, without blanks around it.
        kind: what the text is: a "phrase" that names things ("left man"); a "sentence" that asks by itself ("What would
            keep me dry?"); a "class"; a "part" of a thing ("dog ear"); a "premise", a phrase that may be false; a
            "talk", a whole question of a conversation.
        targets: what answers it; absent ones have no mask. One target may be the union of several things.
        void: pixels that count neither way, or None.
        answer: where the dataset has one: its words, with one ``{seg}`` for each target (none if it names none).
        correction: what a false premise should have said, or None.
        earlier: questions and answers before it in the same conversation.
    """

    id: str
    text: str
    kind: Kind
    targets: tuple[Target, ...]
    void: RLE | None = None
    answer: str | None = None
    correction: str | None = None
    earlier: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture of a dataset: its file, the file's path in the tree, and its (H, W) where the annotations say it."""

    path: Path
    name: str
    size: tuple[int, int] | None

    def load(self) -> np.ndarray:
        """``(H, W, 3)`` uint8 RGB, upright.

        Raises:
            ValueError: it is missing, damaged, too large, or of another size than the annotations say.
        """
        image = open_image(self.path, self.name)
        if self.size is not None and image.shape[:2] != self.size:
            said, found = (f"{size[1]} x {size[0]}" for size in (self.size, image.shape))
            raise ValueError(
                f"{self.name}: is {found} pixels and its annotations are for {said}: they are not of one set"
            )
        return image


class Dataset:
    """Base class of what a reader opens.

    Attributes:
        name: of the dataset ("refcoco").
        split: "train", "val", ...
    """

    name: str
    split: str

    def __len__(self) -> int:
        """How many pictures."""
        raise TypeError(f"{type(self).__name__} does not define __len__")

    def picture(self, index: int) -> Picture:
        """The picture of that number."""
        raise TypeError(f"{type(self).__name__} does not define picture")

    def queries(self, index: int) -> list[Query]:
        """All that is asked of it, with masks.

        Raises:
            ValueError: an annotation is wrong; the line says which, in which file, and why.
        """
        raise TypeError(f"{type(self).__name__} does not define queries")

    def __iter__(self) -> Iterator[tuple[Picture, list[Query]]]:
        for index in range(len(self)):
            yield self.picture(index), self.queries(index)


@dataclass(frozen=True)
class Whole:
    """What only a look at all of a file tells, whatever the split: for a check.

    Attributes:
        file: the file.
        look: goes through it, an entry a step, and notices what is wrong (:mod:`data.notices`); raises ValueError where
            the file cannot be read.
    """

    file: Path
    look: Callable[[], Iterator[None]]


@dataclass(frozen=True)
class Source:
    """A dataset and split that lies in a tree, its annotations not packed yet.

    Attributes:
        dataset: its name; as in TRUTH and reports: "refcoco", "refcoco/google", "ReasonSeg", "ade20k", ...
        split: its split.
        files: its annotation files.
        open: reads them; raises ValueError where that fails.
        wholes: files to look at as a whole, each once, for what no split of theirs tells.
    """

    dataset: str
    split: str
    files: tuple[Path, ...]
    open: Callable[[], Dataset]
    wholes: tuple[Whole, ...] = ()
