"""Where the pictures of opened answers are: handed in with them, drawn anew, or in a folder that the page may read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from app import places
from data.images import open_image
from data.world.splits import SPLITS
from eval import benchmarks, many, report
from eval.protocols import WORLD, Protocol
from eval.report.page import Pictures

_SCENE = re.compile(r"([a-z_]+)-(\d{6})")


def handed_in(folder: Path, names: Sequence[str]) -> Pictures:
    """Pictures that lie in a folder, by their names; by the last part of it where that is one picture's alone."""
    whole = {name: folder / name for name in names}
    short: dict[str, list[Path]] = {}
    for name, path in whole.items():
        short.setdefault(PurePosixPath(name).name, []).append(path)

    def load(name: str) -> np.ndarray | None:
        alike = short.get(PurePosixPath(name).name, [])
        path = whole.get(name) or (alike[0] if len(alike) == 1 else None)
        return None if path is None else open_image(path, name)

    return load


def drawn_anew(name: str) -> np.ndarray | None:
    """A scene of the drawn world by its picture's name."""
    found = _SCENE.fullmatch(name)
    if found is None or found[1] not in SPLITS:
        return None
    index = int(found[2])
    return benchmarks.find("world").open(None, found[1], index + 1).samples(index, WORLD)[0].load()


def of_values(values: Mapping[str, Any], protocol: Protocol | None, among: Sequence[Path]) -> tuple[Pictures, str]:
    """The pictures of what ``results.json`` says was asked, as far as the page may see them, and a line on them.

    Args:
        values: of the file, which may be anybody's.
        protocol: that the questions are counted by.
        among: folders that may be read.
    """
    name, split, given = values.get("benchmark"), values.get("split"), values.get("input")
    if given is None and name in (None, "world"):
        return drawn_anew, ""
    try:
        if isinstance(given, str):
            source = places.allowed(given, among)
            within = next(root for root in among if source.is_relative_to(root))
            asked = values.get("question")
            rows, _ = many.read(source, asked if isinstance(asked, str) else None, within)
            return many.Typed(rows).picture, ""
        benchmark = benchmarks.find(str(name))
    except ValueError:
        return _none, "The pictures are not at hand: hand them in beside the results to see them."
    for root in among:
        try:
            return report.pictures_of(benchmark.open(root, str(split)), protocol or benchmark.protocol()), ""
        except ValueError:  # that tree does not have it
            continue
    return _none, f"The pictures of {name} are not at hand: hand them in, or name the root of its tree with --root."


def first(*sources: Pictures | None) -> Pictures:
    """The picture of the first source that has it."""

    def load(name: str) -> np.ndarray | None:
        found = (source(name) for source in sources if source is not None)
        return next((image for image in found if image is not None), None)

    return load


def _none(name: str) -> np.ndarray | None:
    return None
