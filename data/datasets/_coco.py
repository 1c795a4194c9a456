"""``instances.json``, as COCO and its descendants have it: what a set of references needs of it, as plain lists."""

import gc
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data import masks
from data.datasets._files import key, picture_size, read_json, whole
from data.notices import going_on, notice, refuse
from data.sample import RLE

Entry = list[Any]  # of a picture [file_name, height, width]; of an annotation [segmentation, image_id]; not yet checked


@contextmanager
def no_collection() -> Iterator[None]:
    """Without the garbage collector: it would look at the millions of plain values of an annotation file again and
    again, which takes as long as reading them. They hold no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def read_instances(
    path: Path, name: str, images: Container[int], annotations: Container[int]
) -> tuple[dict[int, Entry], dict[int, Entry]]:
    """The pictures and annotations of those ids that the file has. Their values are checked where they are used
    (:func:`data.datasets._files.picture_size`, :func:`mask_of`), so that one fault stops one picture.

    Args:
        path: the file.
        name: what to call it in errors.
        images: ids of pictures.
        annotations: ids of annotations.

    Raises:
        ValueError: it cannot be read, is not built like an instances.json, or has two different entries of one id.
    """
    values = read_json(path)
    found = _by_id(values, "images", images, ("file_name", "height", "width"), name)
    return found, _by_id(values, "annotations", annotations, ("segmentation", "image_id"), name)


def look(path: Path, name: str) -> Iterator[None]:
    """Go through every annotation, asked for or not, and notice those that are no mask of their picture, and ids that
    are there twice; an annotation a step.

    Raises:
        ValueError: as of :func:`read_instances`.
    """
    everything = _All()
    with no_collection():
        images, annotations = read_instances(path, name, everything, everything)
    for identity, entry in annotations.items():
        where = f"{name}: annotation {identity}"
        with going_on():
            if entry[1] is not None:  # without it there is no telling what picture it is of
                owner = whole(entry[1], f"{where}, its image_id")
                if owner not in images:
                    raise ValueError(f"{where}: belongs to image_id {owner}, which is not in the file")
                _, height, width = images[owner]
                mask_of(entry, owner, picture_size(height, width, f"{name}: image {owner}"), where)
        yield


class _All:
    """Has every id."""

    def __contains__(self, identity: object) -> bool:
        return True


def _by_id(values: Any, part: str, ids: Container[int], keys: tuple[str, ...], name: str) -> dict[int, Entry]:
    entries = key(values, part, name)
    if not isinstance(entries, list):
        raise ValueError(f"{name}: {part!r} is no list")
    found: dict[int, Entry] = {}
    for number, entry in enumerate(entries):
        where = f"{name}: entry {number} of {part!r}"
        identity = key(entry, "id", where)
        if type(identity) is not int:
            identity = whole(identity, where)
        if identity not in ids:
            continue
        made = [entry.get(one) for one in keys]
        if (first := found.setdefault(identity, made)) is not made:
            if first == made:  # harmless: one of them is read
                notice("duplicate id", f"{name}: the id {identity} is there twice in {part!r}, with the same values")
            else:
                refuse("duplicate id", f"{name}: two different {part} have the id {identity}: keep the right one")
    return found


def mask_of(entry: Entry, image: int, size: tuple[int, int], where: str) -> RLE:
    """The mask of an annotation's entry, its parts united.

    Args:
        entry: of the annotation.
        image: id of the picture that it is used for.
        size: (H, W) of the picture.
        where: what to call it in errors.

    Raises:
        ValueError: it is of another picture, or is no mask of one of that size.
    """
    segmentation, owner = entry
    if owner is not None and owner != image:
        raise ValueError(f"{where}: belongs to image_id {owner}, and is used for {image}")
    return masks.from_coco(segmentation, size, where)
