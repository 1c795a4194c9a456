"""Sets whose annotations are one file in COCO's format: images, categories, annotations with a segmentation.

Opening packs each segmentation as soon as it is read, for COCO's own file becomes gigabytes of Python objects; they
become masks when their picture's queries are asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from data import masks
from data.datasets._coco import no_collection
from data.datasets._files import inside, key, picture_size, read_json, text, whole
from data.datasets._store import Pile, Store
from data.datasets.base import Dataset, Picture, Query, Source
from data.notices import going_on, refuse
from data.sample import Target

KEYS = ("id", "image_id", "category_id", "segmentation")  # of an annotation


@dataclass(frozen=True)
class Named:
    """A category in words.

    Attributes:
        text: what is asked for, in the file's words: "person", "trash_can rim".
        phrase: the same as one would say it: "person", "rim of the trash can".
        kind: a whole thing or a part of one.
    """

    text: str
    phrase: str
    kind: Literal["class", "part"]


@dataclass(frozen=True)
class Layout:
    """Where a split lies.

    Attributes:
        dataset: name of the dataset.
        split: its split.
        file: the annotations, from the root.
        images: the folder that file names start from, from the root.
        named: a category's name in words; ValueError where it has none.
    """

    dataset: str
    split: str
    file: str
    images: str
    named: Callable[[str], Named]


class Instances(Dataset):
    """One query a category that a picture has: the union of its annotations, crowds included, is its one target.

    Args:
        root: of the dataset trees.
        layout: where it lies in it.

    Raises:
        ValueError: the annotations cannot be read, or refer to what is not there.
    """

    def __init__(self, root: Path, layout: Layout) -> None:
        self.name, self.split = layout.dataset, layout.split
        self._root, self._layout = root, layout
        self._segmentations = Pile()
        with no_collection():
            values = read_json(root / layout.file, kept=self._kept)
            self._named = _categories(values, layout)
            self._pictures = Store(_pictures(values, layout.file, self._named))

    def _kept(self, values: dict[str, Any]) -> Any:
        """An annotation as the values of :data:`KEYS`, its segmentation by its place; anything else as it is."""
        try:
            *ids, segmentation = (values[name] for name in KEYS)
        except KeyError:
            return values
        return *ids, self._segmentations.put(segmentation)

    def __len__(self) -> int:
        return len(self._pictures)

    def picture(self, index: int) -> Picture:
        """The picture of that number.

        Raises:
            ValueError: its file name leads out of the pictures' folder.
        """
        record = self._pictures[index]
        folder = self._root / self._layout.images
        # The folder itself may be a link to where COCO lies on this disk.
        path = inside(folder, folder, record["file"], f"{self._layout.file}: image {record['id']}")
        return Picture(path, f"{self._layout.images}/{record['file']}", tuple(record["size"]))

    def queries(self, index: int) -> list[Query]:
        """One for each category with an annotation, in the order of their first ones.

        Raises:
            ValueError: a segmentation is no mask of the picture's size; the line names the annotation.
        """
        record = self._pictures[index]
        size = tuple(record["size"])
        found: dict[str, tuple[Named, list[masks.RLE]]] = {}
        for identity, category, place in record["annotations"]:
            named = self._named[category]
            with going_on():
                said = f"{self._layout.file}: annotation {identity}"
                made = masks.from_coco(self._segmentations[place], size, said)
                found.setdefault(named.text, (named, []))[1].append(made)
        return [
            Query(
                f"{self.name}/{self.split}/{index}/{asked}",
                asked,
                named.kind,
                (Target(named.phrase, masks.union(parts, size)),),
            )
            for asked, (named, parts) in found.items()
        ]


def sources(root: Path, layouts: list[Layout]) -> list[Source]:
    """Those of the layouts whose annotations lie in a tree."""
    return [
        Source(layout.dataset, layout.split, (root / layout.file,), partial(Instances, root, layout))
        for layout in layouts
        if (root / layout.file).is_file()
    ]


def object_and_part(thing: str, part: str) -> Named:
    """A part of a thing: "person head", said "head of the person"."""
    return Named(f"{thing} {part}", f"{said(part)} of the {said(thing)}", "part")


def said(name: str) -> str:
    """A name with blanks for the underscores that LVIS has in it."""
    return name.replace("_", " ")


def _categories(values: object, layout: Layout) -> dict[int, Named]:
    named = {}
    for number, category in enumerate(_list(values, "categories", layout.file)):
        where = f"{layout.file}: category number {number}"
        name = text(key(category, "name", where), where)
        try:
            named[whole(key(category, "id", where), where)] = layout.named(name)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    return named


def _pictures(values: object, file: str, named: dict[int, Named]) -> list[dict[str, Any]]:
    """A record for each image, in their order, with its annotations: ``[id, category, segmentation's place]``.

    Raises:
        ValueError: an id occurs twice, a size is none, or an annotation refers to what is not in the file.
    """
    pictures: dict[int, dict[str, Any]] = {}
    for number, image in enumerate(_list(values, "images", file)):
        where = f"{file}: image number {number}"
        identity = whole(key(image, "id", where), where)
        if identity in pictures:
            refuse("duplicate id", f"{where}: its id {identity} is that of another image: ids must differ")
            continue
        size = picture_size(key(image, "height", where), key(image, "width", where), where)
        name = text(key(image, "file_name", where), where)
        pictures[identity] = {"id": identity, "file": name, "size": size, "annotations": []}
    seen = set()
    for number, annotation in enumerate(_list(values, "annotations", file)):
        where = f"{file}: annotation number {number}"
        if not isinstance(annotation, tuple):
            annotation = tuple(key(annotation, name, where) for name in KEYS)  # raises: it lacks one
        identity, image, category = (whole(value, where) for value in annotation[:3])
        if identity in seen:
            refuse("duplicate id", f"{where}: its id {identity} is that of another annotation: ids must differ")
            continue
        seen.add(identity)
        if image not in pictures:
            raise ValueError(f"{file}: annotation {identity}: image_id {image} is not among the images")
        if category not in named:
            raise ValueError(f"{file}: annotation {identity}: category_id {category} is not among the categories")
        pictures[image]["annotations"].append([identity, category, annotation[3]])
    return list(pictures.values())


def _list(values: object, name: str, file: str) -> list[Any]:
    found = key(values, name, file)
    if not isinstance(found, list):
        raise ValueError(f"{file}: {name} are no list")
    return found
