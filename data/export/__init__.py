"""The drawn world written as other datasets lie on disk, one file a format, found by name.

A file has ``SPLITS`` (split of the world -> split of the format) and ``write(tree, scenes)``, where ``scenes`` are of
those splits, in order; it returns nothing and leaves a tree that the reader of the same name reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data.export.base import Drawn, Tree, drawn
from data.plugins import Plugins
from data.world.splits import check_split

__all__ = ["DEFAULT_SPLITS", "add", "available", "export", "load"]

_formats = Plugins(__name__, __path__, "format")
available, load, add = _formats.available, _formats.load, _formats.add

DEFAULT_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Written:
    """What an export wrote.

    Attributes:
        files: the annotation files.
        empty: splits of the world without a scene that the format can hold: nothing was written of them.
    """

    files: tuple[Path, ...]
    empty: tuple[str, ...]


def export(
    name: str, root: Path, count: int, splits: Sequence[str] | None = None, start: int = 0, quiet: bool = False
) -> Written:
    """Write scenes of the drawn world in a format.

    Args:
        name: of the format.
        root: of the tree; other formats may lie in it, and share its pictures.
        count: scenes of each split.
        splits: of the world; those of train, val and test that the format has if None.
        start: seed of the first scene of each split.
        quiet: no progress bar.

    Raises:
        ValueError: no such format or split, the format has no place for a split, its annotations are there already, or
            the tree cannot be written.
    """
    form = load(name)
    chosen = [split for split in DEFAULT_SPLITS if split in form.SPLITS] if splits is None else list(splits)
    for split in chosen:
        check_split(split)
        if split not in form.SPLITS:
            raise ValueError(f"{name} has no place for the split {split}: it takes {', '.join(form.SPLITS)}")
    tree, pictures = Tree(root), dict.fromkeys(chosen, 0)
    try:
        with tqdm(total=count * len(chosen), desc=name, unit="scene", leave=False, disable=quiet) as bar:
            form.write(tree, _counted(tree, pictures, count, start, bar))
    except OSError as error:
        raise ValueError(f"{root} cannot be written ({error.strerror or error}); name another folder") from error
    return Written(tuple(tree.files), tuple(split for split in chosen if not pictures[split]))


def _counted(tree: Tree, pictures: dict[str, int], count: int, start: int, bar: "tqdm[Any]") -> Iterator[Drawn]:
    """The scenes of each split; counts the pictures that are written of it."""
    for split in pictures:
        before = tree.pictures
        for scene in drawn(split, count, start):
            yield scene
            pictures[split] = tree.pictures - before
            bar.update()
