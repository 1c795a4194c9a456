"""A folder of one's own: the example of the documentation, and what a line may and may not say."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import masks
from data.datasets import open_dataset
from data.datasets.folder import find

PAGE = Path(__file__).resolve().parents[3] / "docs" / "datasets.md"
BOX = [[1, 1, 4, 1, 4, 3, 1, 3]]  # 3 x 2 pixels
CUP = {"phrase": "the cup", "mask": BOX}
LINE = {"image": "a.png", "question": "What holds tea?", "targets": [CUP]}


@pytest.fixture
def tree(tmp_path):
    """Writes lines (objects, or text as it is) and a picture of 8 x 6; returns the root."""

    def write(*lines, name="desk"):
        folder = tmp_path / name
        folder.mkdir()
        Image.new("RGB", (8, 6)).save(folder / "a.png")
        text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
        (folder / "pinpoint.jsonl").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_the_example_of_the_documentation_is_read(tmp_path):
    (example,) = re.findall(r"```jsonl\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path / "desk"
    (folder / "masks").mkdir(parents=True)
    (folder / "pinpoint.jsonl").write_text(example, encoding="utf-8")
    for name in ("desk.jpg", "street.jpg"):
        Image.new("RGB", (64, 48)).save(folder / name)
    left = Image.new("L", (64, 48))
    left.paste(255, (0, 0, 10, 48))
    left.save(folder / "masks" / "left.png")

    assert [source.split for source in find(tmp_path)] == ["train", "val"]
    data = open_dataset(tmp_path, "desk", "train")
    assert [data.picture(index).name for index in range(len(data))] == ["desk/desk.jpg"]
    each, union, words = data.queries(0)
    assert (each.id, each.kind, each.text) == ("desk/train/1", "sentence", "Where are the cups, and the kettle?")
    assert [target.phrase for target in each.targets] == ["the red cup", "the white cup", "the kettle"]
    assert [target.rle and masks.area(target.rle) for target in each.targets] == [20 * 10, 48 * 10, None]
    assert each.answer.count("{seg}") == 3
    assert [masks.area(target.rle) for target in union.targets] == [20 * 10 + 48 * 10]
    assert union.answer is None
    assert (words.kind, words.targets, words.answer) == ("talk", (), "At home, in the morning.")
    (street,) = open_dataset(tmp_path, "desk", "val").queries(0)
    assert masks.area(street.targets[0].rle) == 2 and masks.area(street.void) == 64 * 8


def test_masks_of_every_form_are_the_same(tree):
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:3, 1:4] = True
    counts = [7, 2, 4, 2, 4, 2, 27]  # by columns: 6 + 1 before the box, 2 in it, 4 to the next column's
    forms = [BOX, masks.encode(mask), {"size": [6, 8], "counts": counts}, "box.png"]
    root = tree({**LINE, "targets": [{"phrase": "it", "mask": form} for form in forms]})
    Image.fromarray(mask).save(root / "desk" / "box.png")
    (query,) = open_dataset(root, "desk", "train").queries(0)
    assert [target.rle for target in query.targets] == [masks.encode(mask)] * 4


def test_overlapping_things_of_one_target_are_united(tree):
    shifted = [[2, 1, 5, 1, 5, 3, 2, 3]]
    root = tree({**LINE, "targets": [{"phrase": "cups", "masks": [BOX, shifted]}]})
    (query,) = open_dataset(root, "desk", "train").queries(0)
    assert masks.area(query.targets[0].rle) == 4 * 2


def test_lines_of_a_picture_are_its_queries_and_blank_lines_count(tree):
    root = tree(LINE, "", {**LINE, "image": "b.png"}, {**LINE, "question": " Again? "})
    data = open_dataset(root, "desk", "train")
    assert len(data) == 2
    assert [(query.id, query.text) for query in data.queries(0)] == [
        ("desk/train/1", "What holds tea?"),
        ("desk/train/4", "Again?"),
    ]


def test_splits_are_those_of_the_lines(tree):
    root = tree({**LINE, "split": "test"}, LINE, {**LINE, "split": None}, json.dumps({**LINE, "split": "tést"}))
    assert [(source.dataset, source.split) for source in find(root)] == [
        ("desk", "test"),
        ("desk", "train"),
        ("desk", "tést"),
    ]
    assert [len(open_dataset(root, "desk", split).queries(0)) for split in ("test", "train", "tést")] == [1, 2, 1]


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ('{"image": ', "is no whole JSON"),
        ("[]", "expected keys and values, found list"),
        ({"question": "What?"}, "has no key 'image'"),
        ({**LINE, "question": " "}, "question: ' ' is no text"),
        ({**LINE, "anwser": "x"}, "no key 'anwser': did you mean 'answer'?"),
        ({**LINE, "targets": [{**CUP, "rle": 1}]}, "target 1: no key 'rle': there are phrase, mask, masks"),
        ({**LINE, "targets": [CUP, {"mask": BOX}]}, "target 2: has no key 'phrase'"),
        ({**LINE, "targets": [{**CUP, "masks": [BOX]}]}, "target 1: has both mask and masks"),
        ({**LINE, "targets": []}, "has neither targets nor an answer"),
        ({**LINE, "answer": "There."}, "its answer has 0 {seg} for 1 targets"),
        ({**LINE, "targets": [{**CUP, "mask": [[1, 1, 2, 2]]}]}, "target 1: a polygon of 2 points is none"),
        ({**LINE, "targets": [{**CUP, "mask": {"size": [8, 6], "counts": [48]}}]}, "target 1: a run-length mask of"),
        ({**LINE, "targets": [{**CUP, "mask": {"size": 5, "counts": [48]}}]}, "target 1: a run-length mask of"),
        ({**LINE, "targets": [{**CUP, "mask": 3}]}, "target 1: its segmentation is neither"),
        ({**LINE, "targets": [{**CUP, "mask": "none.png"}]}, "target 1: none.png: there is no such file"),
        ({**LINE, "targets": [{**CUP, "mask": "small.png"}]}, "target 1: small.png is 2 x 2 pixels"),
        ({**LINE, "targets": [{**CUP, "mask": "../../x.png"}]}, "leads out of"),
        ({**LINE, "image": "../../x.png"}, "leads out of"),
        ({**LINE, "void": {}}, "void: a run-length mask of size None"),
        (json.dumps({**LINE, "targets": [{**CUP, "mask": [[float("nan")] * 6]}]}), "holds NaN"),
    ],
)
def test_what_is_refused_names_file_and_line(tree, broken, line):
    root = tree(LINE, broken)
    Image.new("L", (2, 2)).save(root / "desk" / "small.png")
    with pytest.raises(ValueError, match=r"desk/pinpoint\.jsonl: line 2") as error:
        list(open_dataset(root, "desk", "train"))
    assert line in str(error.value)


def test_an_empty_file_is_refused(tree):
    with pytest.raises(ValueError, match=r"pinpoint\.jsonl: is empty"):
        open_dataset(tree(), "desk", "train")
