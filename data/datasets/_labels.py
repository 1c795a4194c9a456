"""Sets whose annotations are label maps: one PNG a picture, whose values are classes.

Opening lists files alone. A map is read when its picture's queries are asked for, and is checked then: 8 bits, one
channel, the picture's size, no value without a class.
"""

import io
import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from data import masks
from data.datasets._files import read_bytes
from data.datasets._store import Store
from data.datasets.base import Dataset, Picture, Query, Source
from data.images import MOST_PIXELS, upright_size
from data.notices import going_on
from data.sample import Target

VOID = 255  # in every set, as the published loaders have it


@dataclass(frozen=True)
class Legend:
    """What the values of a label map mean; any other value is a fault.

    Attributes:
        names: the class of a value. Values of one name are one class.
        void: values that count neither way.
    """

    names: dict[int, str]
    void: frozenset[int]


@dataclass(frozen=True)
class Folders:
    """Where a split lies; folders from the root, with slashes.

    Attributes:
        split: its name.
        labels: the PNG label maps.
        images: the JPEG pictures: a picture is in the first folder that has it.
        own: the picture folders belong to this split alone, so a picture without a label map is a fault.
    """

    split: str
    labels: str
    images: tuple[str, ...]
    own: bool = True

    def pairs(self, root: Path) -> list[tuple[str, str]]:
        """The files of each picture and its label map, from the root, by name; one of the two may be missing."""
        have = {folder: _stems(root / folder, ".jpg") for folder in self.images}
        stems = _stems(root / self.labels, ".png").union(*(have.values() if self.own else ()))
        made = []
        for stem in sorted(stems):
            folder = next((folder for folder in self.images if stem in have[folder]), self.images[0])
            made.append((f"{folder}/{stem}.jpg", f"{self.labels}/{stem}.png"))
        return made

    def lie_in(self, root: Path) -> bool:
        return any((root / folder).is_dir() for folder in (self.labels, *(self.images if self.own else ())))


class LabelMaps(Dataset):
    """One query a class that a picture's label map has.

    Args:
        root: of the dataset trees.
        name: of the dataset.
        split: its split.
        pairs: files of picture and label map, from the root.
        legend: what the values mean.
        first: number of the first picture in the ids, which count through all splits.
    """

    def __init__(
        self, root: Path, name: str, split: str, pairs: Iterable[tuple[str, str]], legend: Legend, first: int = 0
    ) -> None:
        self.name, self.split = name, split
        self._root, self._legend, self._first = root, legend, first
        self._pairs = Store(pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def picture(self, index: int) -> Picture:
        image, _ = self._pairs[index]
        return Picture(self._root / image, image, None)

    def queries(self, index: int) -> list[Query]:
        """One for each class of the label map, by its first value; none where all is void.

        Raises:
            ValueError: the label map is missing or damaged, is not of 8 bits and one channel or not of the picture's
                size, or has a value without a class.
        """
        image, file = self._pairs[index]
        labels = read_labels(self._root / file, file)
        with going_on():
            _same_size(labels, file, self._root / image, image)
        present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist()
        unknown = [value for value in present if value not in self._legend.names and value not in self._legend.void]
        if unknown:
            raise ValueError(
                f"{file}: has the value {', '.join(map(str, unknown))}, which is no class of {self.name}: its last is "
                f"{max(self._legend.names)}; get the label map again"
            )
        empty = [value for value in present if value in self._legend.void]
        values: dict[str, list[int]] = {}
        for value in present:
            if value not in self._legend.void:
                values.setdefault(self._legend.names[value], []).append(value)
        void = _mask(labels, empty) if empty else None
        identity = f"{self.name}/{self.split}/{self._first + index}"
        return [
            Query(f"{identity}/{name}", name, "class", (Target(name, _mask(labels, of_name)),), void)
            for name, of_name in values.items()
        ]


def sources(root: Path, name: str, folders: tuple[Folders, ...], legend: Callable[[Path], Legend]) -> list[Source]:
    """The splits that lie in a tree. ``legend`` gets the root when one is opened; ids count on from split to split."""
    return [
        Source(name, split.split, (root / split.labels,), partial(_open, root, name, split, folders[:place], legend))
        for place, split in enumerate(folders)
        if split.lie_in(root)
    ]


def published_classes(name: str) -> list[str]:
    """The names in ``classes/NAME.json``, which says whose they are, in order."""
    file = Path(__file__).parent / "classes" / f"{name}.json"
    return list(json.loads(file.read_text("utf-8"))["classes"])


def read_labels(path: Path, name: str) -> np.ndarray:
    """A label map's values, ``(H, W)`` uint8 in columns (Fortran order), palette pictures as their indices.

    Args:
        name: what to call it in an error.

    Raises:
        ValueError: it is missing, damaged or too large, or no PNG of one channel of 8 bits.
    """
    if not path.is_file():
        raise ValueError(f"{name}: there is no such label map")
    data = read_bytes(path)
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 26:
        raise ValueError(f"{name}: is no PNG, as a label map must be: get it again")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    if width * height > MOST_PIXELS:
        raise ValueError(f"{name}: claims {width} x {height} pixels, more than the {MOST_PIXELS:,} that are read")
    if colour not in (0, 3):  # grey, palette
        raise ValueError(f"{name}: is a colour picture: a label map has one channel, whose values are classes")
    if colour == 0 and depth != 8:  # Pillow would stretch fewer bits to 0..255 and cut more of them
        raise ValueError(f"{name}: has {depth} bits a pixel: a label map has 8, or a palette")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            return np.asfortranarray(np.asarray(opened, dtype=np.uint8))
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
        raise ValueError(f"{name}: is damaged or cut off: get the whole label map again") from error


def _open(
    root: Path, name: str, folders: Folders, before: tuple[Folders, ...], legend: Callable[[Path], Legend]
) -> LabelMaps:
    if not (root / folders.labels).is_dir():
        raise ValueError(f"{root / folders.labels}: there is no such folder: the label maps of {name} belong there")
    pairs = folders.pairs(root)
    if not pairs:
        raise ValueError(f"{root / folders.labels}: holds no label map (.png)")
    first = sum(len(other.pairs(root)) for other in before)
    return LabelMaps(root, name, folders.split, pairs, legend(root), first)


def _stems(folder: Path, suffix: str) -> set[str]:
    """Names of a folder's files of that suffix, without it; none where there is no folder."""
    if not folder.is_dir():
        return set()
    names = (path.name for path in folder.iterdir())
    return {name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.startswith(".")}


def _mask(labels: np.ndarray, values: list[int]) -> masks.RLE:
    return masks.encode(labels == values[0] if len(values) == 1 else np.isin(labels, values))


def _same_size(labels: np.ndarray, file: str, path: Path, image: str) -> None:
    """Refuse a label map of another size than the picture's header says. A picture that cannot be read says so itself
    when it is loaded."""
    try:
        height, width = upright_size(path)
    except ValueError:
        return
    if labels.shape != (height, width):
        raise ValueError(
            f"{file}: is {labels.shape[1]} x {labels.shape[0]} pixels and its picture {image} is {width} x {height}: "
            "they are not of one set"
        )
