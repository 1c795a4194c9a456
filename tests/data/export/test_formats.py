"""Each format, read back by the reader of its datasets."""

import pickle
import re
from collections import Counter

import numpy as np
import pytest

from data import datasets, export, masks
from data.check import check
from data.world.splits import SPLITS
from data.world.world import World

COUNT = 8
HOLDS = {
    "refcoco": {"refclef", "refcoco", "refcoco/google", "refcoco+", "refcocog", "refcocog/google"},
    "grefcoco": {"grefcoco"},
    "refzom": {"refzom"},
    "fprefcoco": {"fprefcoco", "fprefcoco+", "fprefcocog"},
    "rrefcoco": {"R-refcoco", "R-refcoco+", "R-refcocog"},
    "reason_seg": {"ReasonSeg"},
    "muse": {"muse"},
    "reason_plus": {f"reason_seg_plus/{part}" for part in ("instance_seg", "cot", "conversations", "caption")},
    "ade20k": {"ade20k"},
    "cocostuff": {"cocostuff"},
    "mapillary": {"mapillary"},
    "paco": {"paco_lvis"},
    "pascal_part": {"pascal_part"},
    "coco": {"coco"},
    "llava": {"llava"},
    "folder": {"drawn"},
}
PARTS = ("paco", "pascal_part")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """All formats in one tree."""
    root = tmp_path_factory.mktemp("exported")
    for name in export.available():
        export.export(name, root, COUNT, quiet=True)
    return root


def queries(root, name):
    """(picture, query) of all that a format wrote."""
    found = [source for source in datasets.sources(root) if source.dataset in HOLDS[name]]
    assert {source.dataset for source in found} == HOLDS[name]
    return [(picture, query) for source in found for picture, asked in source.open() for query in asked]


def things(picture):
    """``(N, H, W)`` bool: the true masks of the scene that a picture shows."""
    number = int(re.search(r"(\d+)\.\w+$", picture.name)[1])
    split, seed = SPLITS[number // 1_000_000 - 1], number % 1_000_000
    if number < 1_000_000:  # the name says the split
        split = re.search(rf"({'|'.join(SPLITS)})[-_]\d+\.", picture.name)[1]
    return World(split, 1, seed).view(0).masks


def test_every_format_is_known():
    assert set(HOLDS) == set(export.available())


def test_nothing_is_wrong_in_the_tree(tree):
    report = check(tree, quiet=True)
    assert report.faults == ()
    assert {part.dataset for part in report.parts} == set().union(*HOLDS.values())
    assert [(part.dataset, part.split) for part in report.parts if not part.samples] == []


@pytest.mark.parametrize("name", sorted(HOLDS))
def test_masks_come_back_pixel_by_pixel(tree, name):
    asked = queries(tree, name)
    assert asked
    seen = {}
    present = 0
    for picture, query in asked:
        truth = seen.setdefault(picture.name, things(picture))
        assert picture.load().shape[:2] == truth.shape[1:]
        for rle in [*(target.rle for target in query.targets if target.rle), *([query.void] if query.void else [])]:
            mask = masks.decode(rle)
            present += 1
            if name not in ("ade20k", "cocostuff", "mapillary") or rle is not query.void:  # else backdrop, too
                assert not (mask & ~truth.any(axis=0)).any()
            if name not in PARTS:
                shares = {float(mask[thing].mean()) for thing in truth}
                assert shares <= {0.0, 1.0}, (query.id, query.text)
    assert present or name == "llava"


def test_targets_several_one_and_none(tree):
    counted = Counter(query.targets[0].absent for _, query in queries(tree, "grefcoco"))
    assert counted[True] == 3 * COUNT and counted[False] > counted[True]
    assert any(query.correction for _, query in queries(tree, "fprefcoco"))
    absent = Counter(query.targets[0].absent for _, query in queries(tree, "rrefcoco"))
    assert absent[True] == 3 * absent[False]
    assert any(len(query.targets) > 1 for _, query in queries(tree, "muse"))


def test_reason_seg_has_all_that_the_format_has(tree):
    asked = [query for _, query in queries(tree, "reason_seg")]
    assert {query.kind for query in asked} == {"sentence", "phrase", "premise"}
    assert any(query.void for query in asked) and any(query.answer for query in asked)


def test_classes_and_parts_are_named(tree):
    assert {"animal", "apparel"} & {query.text for _, query in queries(tree, "ade20k")}
    assert {query.kind for _, query in queries(tree, "paco")} == {"class", "part"}
    assert {query.kind for _, query in queries(tree, "pascal_part")} == {"part"}


def test_refcoco_plus_says_nothing_of_places(tree):
    texts = [query.text for picture, query in queries(tree, "refcoco") if query.id.startswith("refcoco+/")]
    assert texts and not any(word in text for text in texts for word in ("left", "right", "highest", "lowest"))


def test_pickles_are_plain_and_of_protocol_2(tree):
    for file in tree.glob("refer_seg/**/*.p"):
        data = file.read_bytes()
        assert data[:2] == b"\x80\x02"
        assert isinstance(pickle.loads(data), list)


def test_the_pictures_are_those_of_the_world(tree):
    picture, _ = queries(tree, "folder")[0]
    split, seed = re.search(r"(\w+)-(\d+)\.png", picture.name).groups()
    truth = World(split, 1, int(seed)).sample(0).load()
    assert (picture.load() == truth).all()
    picture, _ = queries(tree, "coco")[0]
    split, seed = SPLITS[int(picture.path.stem) // 1_000_000 - 1], int(picture.path.stem) % 1_000_000
    truth = World(split, 1, seed).sample(0).load()
    assert np.abs(picture.load().astype(int) - truth).mean() < 3


def test_the_same_words_twice(tmp_path):
    for root in (tmp_path / "one", tmp_path / "two"):
        export.export("refcoco", root, 3, quiet=True)
    files = [
        sorted((p.relative_to(root), p.read_bytes()) for p in root.rglob("*") if p.is_file())
        for root in (tmp_path / "one", tmp_path / "two")
    ]
    assert files[0] == files[1]


def test_what_cannot_be_written_is_said_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match="no format 'refcco': did you mean 'refcoco'"):
        export.export("refcco", tmp_path, 1)
    with pytest.raises(ValueError, match="llava has no place for the split val: it takes train"):
        export.export("llava", tmp_path, 1, ["val"])
    with pytest.raises(ValueError, match="no split 'vla'"):
        export.export("llava", tmp_path, 1, ["vla"])
    export.export("llava", tmp_path, 1, quiet=True)
    with pytest.raises(ValueError, match="is there already"):
        export.export("llava", tmp_path, 1, quiet=True)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot be written"):
        export.export("llava", tmp_path / "file", 1, quiet=True)
