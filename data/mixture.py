"""Several datasets as one stream of pictures, each with a few conversations, mixed by weight.

What stands at a position of the stream depends on the seed and the position alone: however many workers read it, a run
that was stopped in the middle of an epoch goes on with what it would have read next.
"""

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

import numpy as np
import torch

from data import datasets
from data.asking import ask_thread, ask_together, joinable, threads
from data.datasets.base import Dataset, Query, Source, Wanted
from data.sample import Sample, Turn
from data.shuffle import Deal, permuted
from data.world.world import DENSE, World

WORLD = "world"
SCENES = 1_000_000_000  # of the drawn world, before it begins again
TRIES = 20  # pictures after one that cannot be read or of which nothing is asked
JOINED = (2, 5)  # how many phrases one question asks for, if several

log = logging.getLogger(__name__)
Item = TypeVar("Item", covariant=True)


class Fault(ValueError):
    """A sample that cannot be read, in one line that names it.

    A worker hands its error on as a traceback in a string, of which only the last line is wanted.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text.strip().rpartition("\n")[2].removeprefix(f"{__name__}.{type(self).__name__}: "))


@dataclass(frozen=True)
class Pack:
    """A picture of a source ``(H, W, 3)`` uint8 RGB and some conversations about it."""

    source: str
    image: np.ndarray
    samples: Sequence[Sample]


class Member(Protocol):
    """What can be mixed: pictures by number, each with conversations drawn by ``rng``, ``most`` of them at most."""

    name: str

    def __len__(self) -> int: ...

    def pack(self, index: int, rng: Random, most: int) -> Pack: ...


class Read:
    """A dataset on disk, its queries put in words.

    Args:
        dataset: an opened one.
        together: share of the pictures with a question that asks for several phrases at once, where they have several.
    """

    def __init__(self, dataset: Dataset, together: float = 0.25) -> None:
        self.dataset, self.together = dataset, together
        self.name = f"{dataset.name}/{dataset.split}"

    def __len__(self) -> int:
        return len(self.dataset)

    def pack(self, index: int, rng: Random, most: int) -> Pack:
        picture = self.dataset.picture(index)
        every = threads(self.dataset.queries(index))
        image = picture.load()
        chosen = rng.sample(every, min(most, len(every)))
        size = (image.shape[0], image.shape[1])

        def sample(queries: Sequence[Query], turns: tuple[Turn, ...], more: str = "") -> Sample:
            return Sample(f"{queries[0].id}{more}", picture.load, size, turns, queries[0].void, picture.name)

        made = []
        if len(every) > 1 and rng.random() < self.together:
            group = _group([thread[0] for thread in every if len(thread) == 1], rng)
            if group:
                made.append(sample(group, (ask_together(group, rng),), f"+{len(group) - 1}"))
                chosen = chosen[: most - 1]
        return Pack(self.name, image, [*made, *(sample(thread, ask_thread(thread, rng)) for thread in chosen)])


class Drawn:
    """The drawn world.

    Args:
        split: of the world.
        start: its first scene.
        forms, loose: as :meth:`data.world.world.World.pack` has them.
        dense: share of the pictures with a conversation that names everything.
    """

    name = WORLD

    def __init__(
        self, split: str = "train", start: int = 0, forms: Sequence[str] = (), loose: float = 0.0, dense: float = 0.0
    ) -> None:
        self.world, self.forms, self.loose, self.dense = World(split, SCENES, start), tuple(forms), loose, dense

    def __len__(self) -> int:
        return len(self.world)

    def pack(self, index: int, rng: Random, most: int) -> Pack:
        forms = ((DENSE,) if rng.random() < self.dense else ()) + self.forms
        return Pack(self.name, *self.world.pack(index, most, forms, self.loose))


class Mixture(torch.utils.data.Dataset[Item], Generic[Item]):
    """Positions ``first`` .. ``first + count - 1`` of the stream.

    A source's pictures come in a shuffled order, all of them before any comes again, then in another order.

    Args:
        members: the sources.
        weights: how often each comes up, relative to one another.
        conversations: about a picture, at most.
        seed: of the order, of the choice of queries and of the wordings.
        first, count: which part of the stream.
        make: what becomes of a pack; its errors name the sample, too.
        faults: "raise" what is wrong with a sample, or "skip" it for the next picture of its source and say so.

    Raises:
        ValueError: a source is empty, or a weight is not above 0.
    """

    def __init__(
        self,
        members: Sequence[Member],
        weights: Sequence[float],
        conversations: int,
        seed: int = 0,
        first: int = 0,
        count: int = SCENES,
        make: Callable[[Pack], Item] | None = None,
        faults: Literal["raise", "skip"] = "raise",
    ) -> None:
        for member in members:
            if not len(member):
                raise ValueError(f"{member.name}: has no pictures")
        self.members, self.deal = tuple(members), Deal(weights, seed)
        self.conversations, self.seed, self.first, self.count = conversations, seed, first, count
        self.make = make or cast(Callable[[Pack], Any], lambda pack: pack)
        self.faults = faults

    def __len__(self) -> int:
        return self.count

    def place(self, position: int) -> tuple[int, int]:
        """The source's number and the picture's, at a position of the stream."""
        source, visit = self.deal[position]
        member = self.members[source]
        epoch, turn = divmod(visit, len(member))
        return source, permuted(turn, len(member), f"{self.seed} {member.name} {epoch}")

    def __getitem__(self, index: int) -> Item:
        """
        Raises:
            Fault: a sample cannot be read, under the policy "raise"; or too many in a row.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"there is no item {index} among {self.count}")
        position = self.first + index
        source, start = self.place(position)
        member = self.members[source]
        for tried in range(min(TRIES, len(member))):
            number = (start + tried) % len(member)
            where = f"{member.name}: picture {number}"
            try:
                pack = member.pack(number, Random(f"{self.seed} {position} {tried}"), self.conversations)
                if pack.samples:
                    where = f"{where} ({pack.samples[0].id})"
                    return self.make(pack)
                problem = "nothing is asked of it"
            except ValueError as error:
                problem = str(error)
                if self.faults == "raise":
                    raise Fault(f"{where}: {' '.join(problem.split())}") from error
                log.warning("skipped %s: %s", where, problem)
        raise Fault(f"{where}: {problem}; so it is with the {tried} before it")


def find(root: Path | None, names: Sequence[str]) -> dict[str, Source]:
    """Where the datasets of a mixture lie. No others are looked into, unless a name is none's. The drawn world lies
    nowhere and is left out.

    Args:
        root: of the trees.
        names: "refcoco" for its split train, "ReasonSeg/val" for another.

    Raises:
        ValueError: there is no root, or no dataset or split of that name; the near one is suggested.
    """
    wanted = [name for name in names if name != WORLD]
    if not wanted:
        return {}
    if root is None:
        raise ValueError(f"data: {wanted[0]}: name the root of the dataset trees as well (options: root)")
    # "refcoco/google" is a dataset, "ReasonSeg/val" a split of one.
    there, splits = _there(root, {part for name in names for part in (name, name.rpartition("/")[0])})
    if any(name not in there for name in wanted):  # say what there is
        there, splits = _there(root, None)
    return {name: _known(name, there, splits, root) for name in wanted}


def _there(root: Path, wanted: Wanted) -> tuple[dict[str, Source], dict[str, list[Source]]]:
    """What lies in a tree, by "DATASET/SPLIT" and, where there is a split train, by "DATASET"; and each dataset's
    splits."""
    there: dict[str, Source] = {}
    splits: dict[str, list[Source]] = {}
    for source in datasets.sources(root, wanted):
        there[f"{source.dataset}/{source.split}"] = source
        splits.setdefault(source.dataset, []).append(source)
    for dataset in splits:
        if f"{dataset}/train" in there:
            there[dataset] = there[f"{dataset}/train"]
    return there, splits


def _known(name: str, there: Mapping[str, Source], splits: Mapping[str, Sequence[Source]], root: Path) -> Source:
    if name in there:
        return there[name]
    if name in splits:
        known = ", ".join(f"{name}/{source.split}" for source in splits[name])
        raise ValueError(f"data: {name} has no split train under {root}; there are {known}")
    near = difflib.get_close_matches(name, [*there, *splits, WORLD], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join([*splits, WORLD])}"
    raise ValueError(f"data: no dataset {name!r} under {root}: {hint}")


def members(root: Path | None, names: Sequence[str], drawn: Drawn, together: float = 0.25) -> list[Member]:
    """The sources of a mixture, opened; ``drawn`` is taken for "world".

    Raises:
        ValueError: as :func:`find`, or the annotations of one cannot be read.
    """
    found = find(root, names)
    return [drawn if name == WORLD else Read(found[name].open(), together) for name in names]


def _group(queries: Sequence[Query], rng: Random) -> list[Query]:
    """Some queries of different words to ask for in one question; none if there are fewer than two."""
    fit: dict[str, Query] = {}
    drawn = [query for query in rng.sample(queries, len(queries)) if joinable(query)]
    for query in drawn:
        if query.void == drawn[0].void:  # what counts neither way must be the same for all of a question
            fit.setdefault(query.text.lower(), query)
    group = list(fit.values())[: rng.randint(*JOINED)]
    return group if len(group) > 1 else []
