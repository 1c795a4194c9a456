"""Datasets on disk, one file a family, found by name.

A file has ``find(root, wanted) -> list[Source]``: what of its family lies in a tree, by dataset and split. Where the
splits stand in the annotations themselves (referring expressions, a folder of one's own), it reads them for that; of
datasets that are not wanted nothing is read.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path

from data.datasets.base import Dataset, Source, Wanted
from data.plugins import Plugins

__all__ = ["add", "available", "find", "load", "open_dataset", "sources", "unknown"]

_families = Plugins(__name__, __path__, "family of datasets")
available, load, add = _families.available, _families.load, _families.add


def sources(root: Path, wanted: Wanted = None) -> Iterator[Source]:
    """Every dataset and split of a tree, or those of the wanted datasets; families in alphabetical order.

    Raises:
        ValueError: the root is no folder, or two datasets in it have one name ("world" is the drawn world's).
    """
    if not root.is_dir():
        raise ValueError(f"no folder {root}: name the root of the dataset trees")
    taken: dict[str, str] = {}
    for family in available():
        for source in load(family).find(root, wanted):
            if wanted is not None and source.dataset not in wanted:
                continue
            name = f"{source.dataset}/{source.split}"
            other = "the drawn world" if source.dataset == "world" else taken.setdefault(name, family)
            if other != family:
                raise ValueError(f"{root}: {name} names two datasets, of {other} and of {family}: rename one's folder")
            yield source


def find(root: Path, dataset: str, split: str) -> Source:
    """A dataset of a tree, by name and split. No other is looked into, unless there is none of that name.

    Raises:
        ValueError: it is not there.
    """
    found = list(sources(root, [dataset]))
    for source in found:
        if (source.dataset, source.split) == (dataset, split):
            return source
    splits = [source.split for source in found if source.dataset == dataset]
    if splits:
        raise ValueError(f"{root}: {dataset} has no split {split!r}; it has {', '.join(splits)}")
    raise unknown(root, dataset, list(sources(root)))


def open_dataset(root: Path, dataset: str, split: str) -> Dataset:
    """A dataset of a tree, by name and split.

    Raises:
        ValueError: it is not there, or its annotations cannot be read.
    """
    return find(root, dataset, split).open()


def unknown(root: Path, dataset: str, found: list[Source]) -> ValueError:
    """The error for a name that is none of those found; it names the nearest."""
    names = sorted({source.dataset for source in found})
    near = difflib.get_close_matches(dataset, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
    return ValueError(f"{root}: no dataset {dataset!r}: {hint}")
