"""Referring expressions: a file of references, each some sentences that name things in a picture, beside an
``instances.json`` with their masks.

One machinery for RefCOCO and all that was made from it; each family's file says where it lies and what its sentences
may hold.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from data import masks
from data.datasets._coco import Entry, look, mask_of, no_collection, read_instances
from data.datasets._files import inside, key, picture_size, read_json, read_pickle, text, whole
from data.datasets._store import Store
from data.datasets.base import Dataset, Kind, Picture, Query, Source, Wanted, Whole
from data.notices import going_on, notice
from data.sample import RLE, Target

FOLDER = Path("refer_seg")
TRAIN2014 = FOLDER / "images/mscoco/images/train2014"
ORDER = ("train", "val", "test", "testA", "testB", "testC")
REFERENCE_KEYS = ("ref_id", "ann_id", "no_target")


def _train2014(root: Path, name: str) -> Path:
    return TRAIN2014


def _never(sentence: dict[str, Any], where: str) -> bool:
    return False


@dataclass(frozen=True)
class Layout:
    """Where the references of one folder lie, and how they are read. Its functions have names, so that a dataset can be
    sent to a worker.

    Attributes:
        folder: its name under ``refer_seg/``; the dataset's name, too.
        main: the file of references that has the folder's bare name; ``refs(google).p`` beside ``refs(unc).p`` becomes
            ``FOLDER/google``, and ``refs(unc_exclude_unified).p`` becomes ``FOLDER/exclude_unified``.
        splits: that the published file has; what is offered where it cannot be read, so that opening says why.
        images: the folder of a picture of that file name, from the root of the tree.
        kind: of its queries.
        several: a reference may have several targets or none.
        false: of a sentence: it names what is not there; raises ValueError with ``where``.
        extra: further keys of a sentence that ``false`` and ``correction`` look at.
        correction: key of the sentence that should have been said, if any.
    """

    folder: str
    main: str
    splits: tuple[str, ...]
    images: Callable[[Path, str], Path] = _train2014
    kind: Kind = "phrase"
    several: bool = False
    false: Callable[[dict[str, Any], str], bool] = _never
    extra: tuple[str, ...] = ()
    correction: str | None = None


def flag(sentence: dict[str, Any], name: str, default: bool, where: str) -> bool:
    """A yes or no of a sentence.

    Raises:
        ValueError: it is neither.
    """
    value = sentence.get(name, default)
    if value not in (True, False):
        raise ValueError(f"{where}: its {name!r} is {value!r}, neither true nor false")
    return bool(value)


def find_refs(root: Path, layout: Layout, wanted: Wanted = None) -> list[Source]:
    """The files of references in the layout's folder, by split: each is read for its splits."""
    folder = root / FOLDER / layout.folder
    shape = re.compile(re.sub(r"\\\(.*\\\)", lambda _: r"\((.+)\)", re.escape(layout.main)))
    files = sorted(path for path in folder.glob("*") if shape.fullmatch(path.name) and path.is_file())
    files.sort(key=lambda path: path.name != layout.main)
    instances = folder / "instances.json"
    masks_of_all = Whole(instances, partial(look, instances, str(FOLDER / layout.folder / instances.name)))
    return [
        Source(
            name,
            split,
            (path, instances),
            partial(RefDataset, root, layout, path, name, split),
            (Whole(path, partial(_look_at_ids, path, layout)), masks_of_all),
        )
        for path in files
        for name in [_name(layout, path.name)]
        if wanted is None or name in wanted
        for split in _splits(path) or layout.splits
    ]


def _look_at_ids(path: Path, layout: Layout) -> Iterator[None]:
    """Notice a ref_id that is in two splits, and a sent_id that is there twice; a reference a step.

    A ref_id that is twice in one split makes ids of queries that are not unique, which is told there. Sentences that
    name what is not there are taken from other references with their ids, so those of premises are left alone.
    """
    name, homes, sentences = str(FOLDER / layout.folder / path.name), dict[Any, str](), dict[Any, str]()
    for ref in _read(path):
        if isinstance(ref, dict):
            identity, split = ref.get("ref_id"), str(ref.get("split"))
            if isinstance(identity, int) and homes.setdefault(identity, split) != split:
                notice("duplicate id", f"{name}: ref_id {identity} is in {homes[identity]} and in {split}")
            listed = ref.get("sentences")
            for sentence in listed if isinstance(listed, list | tuple) and layout.kind != "premise" else ():
                said = sentence.get("sent_id") if isinstance(sentence, dict) else None
                if not isinstance(said, int):
                    continue
                if said in sentences:
                    both = f"twice in {split}" if sentences[said] == split else f"in {sentences[said]} and in {split}"
                    notice("duplicate id", f"{name}: sent_id {said} is {both}")
                sentences.setdefault(said, split)
        yield


def _name(layout: Layout, file: str) -> str:
    if file == layout.main:
        return layout.folder
    main, own = (name[name.index("(") + 1 : name.rindex(")")] for name in (layout.main, file))
    return f"{layout.folder}/{own.removeprefix(main + '_')}"


def _splits(path: Path) -> tuple[str, ...]:
    """The splits that occur in a file of references; none where it cannot be read."""
    state = path.stat()
    return _splits_of(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _splits_of(path: Path, size: int, changed: int) -> tuple[str, ...]:
    try:
        with no_collection():
            found = {ref["split"] for ref in _read(path) if isinstance(ref, dict) and isinstance(ref.get("split"), str)}
    except ValueError:  # opening the dataset says what is wrong
        return ()
    return tuple(sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)))


def _read(path: Path) -> list[Any]:
    values = read_json(path) if path.suffix == ".json" else read_pickle(path)
    if not isinstance(values, list) or not values:
        found = "an empty one" if values == [] else type(values).__name__
        raise ValueError(f"{path}: expected a list of references, found {found}")
    return values


class RefDataset(Dataset):
    """The references of one split, by picture.

    Args:
        root: of the tree.
        layout: of the folder.
        path: the file of references.
        name: of the dataset.
        split: its split.

    Raises:
        ValueError: the references or ``instances.json`` cannot be read; a fault of one reference is raised by
            :meth:`queries`.
    """

    def __init__(self, root: Path, layout: Layout, path: Path, name: str, split: str) -> None:
        self.name, self.split = name, split
        self._root, self._layout = root, layout
        self._refs, self._instances = (str(FOLDER / layout.folder / file) for file in (path.name, "instances.json"))
        with no_collection():
            by_image = self._by_image(_read(path))
            wanted = {one for refs in by_image.values() for ref in refs for one in _numbers(ref.get("ann_id"))}
            images, annotations = read_instances(path.parent / "instances.json", self._instances, by_image, wanted)
            self._records = Store(_record(*one, images, annotations) for one in by_image.items())

    def _by_image(self, refs: list[Any]) -> dict[int, list[dict[str, Any]]]:
        """What is needed of the split's references, by image_id, in the file's order."""
        by_image: dict[int, list[dict[str, Any]]] = {}
        for number, ref in enumerate(refs):
            where = f"{self._refs}: reference {number}"
            split = key(ref, "split", where)
            if not isinstance(split, str):
                raise ValueError(f"{where}: its split is {split!r:.60}")
            if split == self.split:
                image = whole(key(ref, "image_id", where), f"{where}, its image_id")
                by_image.setdefault(image, []).append(_needed(ref, self._layout))
        if not by_image:
            raise ValueError(f"{self._refs}: has no reference of split {self.split!r}")
        return by_image

    def __len__(self) -> int:
        return len(self._records)

    def picture(self, index: int) -> Picture:
        """The picture of that number.

        Raises:
            ValueError: ``instances.json`` has it not, or with a path or size that is none.
        """
        record = self._records[index]
        size, where = self._size(record)
        file = record["image"][0]
        folder = self._root / self._layout.images(self._root, str(file))
        path = inside(self._root, folder, file, where)
        return Picture(path, path.relative_to(self._root).as_posix(), size)

    def queries(self, index: int) -> list[Query]:
        """Every sentence of every reference of the picture."""
        record = self._records[index]
        size, _ = self._size(record)
        made: dict[int, RLE] = {}
        queries = []
        for ref in record["refs"]:
            with going_on():
                queries += self._asked(ref, record, size, made)
        return queries

    def _size(self, record: dict[str, Any]) -> tuple[tuple[int, int], str]:
        where = f"{self._instances}: image {record['id']}"
        if record["image"] is None:
            raise ValueError(f"{where}: is not there, and {self._refs} refers to it")
        _, height, width = record["image"]
        return picture_size(height, width, where), where

    def _asked(
        self, ref: dict[str, Any], record: dict[str, Any], size: tuple[int, int], made: dict[int, RLE]
    ) -> list[Query]:
        """The queries of one reference; ``made`` keeps the masks of the picture's annotations."""
        where = f"{self._refs}: ref_id {ref.get('ref_id')}"
        number = whole(key(ref, "ref_id", where), where)
        ids = self._targets(ref, where)
        for one in ids:
            with going_on():
                if one not in record["annotations"]:
                    raise ValueError(f"{where}: its ann_id {one} is not in {self._instances}")
                if one not in made:
                    said = f"{self._instances}: annotation {one}"
                    made[one] = mask_of(record["annotations"][one], record["id"], size, said)
        whole_mask = all(one in made for one in ids)  # or else its fault was noticed
        found = [made[one] for one in ids if one in made]
        mask = None if not found else found[0] if len(found) == 1 else masks.union(found, size)
        sentences = key(ref, "sentences", where)
        if not sentences:
            raise ValueError(f"{where}: has no sentences")
        queries = []
        for place, sentence in enumerate(sentences):
            with going_on():
                queries.append(self._query(sentence, mask, f"{number}/{place}", f"{where}, sentence {place}"))
        return queries if whole_mask else []

    def _targets(self, ref: dict[str, Any], where: str) -> list[int]:
        """Annotation ids of a reference: a number or a list; none is an empty list, or -1."""
        given = key(ref, "ann_id", where)
        if not self._layout.several:
            return [whole(given, f"{where}, its ann_id")]
        ids = [whole(one, f"{where}, its ann_id") for one in (given if isinstance(given, list) else [given])]
        if set(ids) <= {-1}:
            return []
        if flag(ref, "no_target", False, where):
            raise ValueError(f"{where}: says no_target and names the annotations {ids}")
        return ids

    def _query(self, sentence: dict[str, Any], mask: RLE | None, place: str, where: str) -> Query:
        said, layout, correction = text(key(sentence, "sent", where), where), self._layout, None
        if layout.false(sentence, where):
            mask = None
            if layout.correction and sentence.get(layout.correction):
                correction = text(sentence[layout.correction], f"{where}, its {layout.correction}")
        name = f"{self.name}/{self.split}/{place}"
        return Query(name, said, layout.kind, (Target(said, mask),), correction=correction)


def _record(image: int, refs: list[Any], images: dict[int, Entry], annotations: dict[int, Entry]) -> dict[str, Any]:
    """All that is known of one picture."""
    ids = sorted({one for ref in refs for one in _numbers(ref.get("ann_id")) if one in annotations})
    found = {one: annotations[one] for one in ids}
    return {"id": image, "image": images.get(image), "refs": refs, "annotations": found}


def _needed(ref: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """The keys of a reference that are read later, those that it has; a stranger's value by the name of its type."""
    made = {name: _plain(ref[name]) for name in REFERENCE_KEYS if name in ref}
    sentences, keys = ref.get("sentences"), ("sent", *layout.extra)
    if isinstance(sentences, list | tuple):
        made["sentences"] = [
            {name: _plain(one[name]) for name in keys if name in one} if isinstance(one, dict) else _plain(one)
            for one in sentences
        ]
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_scalar(one) for one in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else _unicode(value)
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return [type(value).__name__]


def _numbers(value: Any) -> list[int]:
    """The whole numbers among a reference's ann_id, whatever else it may hold."""
    listed = value if isinstance(value, list) else [value]
    return [int(one) for one in listed if isinstance(one, int) or (isinstance(one, float) and one.is_integer())]


def _unicode(said: str) -> str:
    """Text as it was meant: a string that Python 2 pickled holds bytes, which are read as latin-1 and may be UTF-8."""
    try:
        return said.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return said
