"""ReasonSeg-Plus of LISA++, on rows written as its loaders read them."""

import json

import pytest
from PIL import Image

from data import masks
from data.datasets import open_dataset
from data.datasets.reason_plus import find

CUP = [[1, 1, 4, 1, 4, 3, 1, 3]]  # 3 x 2 pixels
JAR = [[0, 0], [8, 0], [8, 1], [0, 1]]  # 8 x 1, as a list of points
ASKED = {"English Question": "What holds tea?", "English Answer": "The cup <11|cup>."}
ROWS = {
    "Instance_Seg": {
        "img_path": "1.jpg",
        "English Question": "Which things hold tea? ",
        "ID": [12, "11"],
        "points": {"11": {"label name": "cup", "points": CUP}, "12": {"label name": "jar", "points": JAR}},
    },
    "COT": {"image_path": "1.jpg", **ASKED, "info": {"11": CUP, "12": JAR}},
    "Caption": {"image_path": "1.jpg", **ASKED, "info": {"11": {"polygon": CUP}}},
    "Conversations": {
        "img_pth": "1.jpg",
        "output": "<person>: What is the <11|cup> for? <robot>: Tea. <person>: Both. <robot>: [<11|cup>, <12|jar>]",
        "info": {"11": {"counts": [7, 2, 39], "size": [6, 8]}, "12": JAR},
    },
}


@pytest.fixture
def tree(tmp_path):
    """Writes one part with the row given (else the good one), and a picture of 8 x 6; returns the root."""
    images = tmp_path / "refer_seg/images/mscoco/images/train2017"
    images.mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(images / "1.jpg")

    def write(part, row=None, name="LISA_Plus_{}.json"):
        file = tmp_path / "reason_seg_plus" / name.format(part)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([row or ROWS[part]]))
        return tmp_path

    return write


def test_instances_are_targets_in_the_order_of_their_ids(tree):
    data = open_dataset(tree("Instance_Seg"), "reason_seg_plus/instance_seg", "train")
    (query,) = data.queries(0)
    assert (query.id, query.kind) == ("reason_seg_plus/instance_seg/train/0", "sentence")
    assert query.text == "Which things hold tea?" and query.answer is None
    assert [(target.phrase, masks.area(target.rle)) for target in query.targets] == [("jar", 8), ("cup", 6)]
    assert data.picture(0).load().shape == (6, 8, 3)


@pytest.mark.parametrize(("part", "kind"), [("COT", "sentence"), ("Caption", "talk")])
def test_answers_mark_their_targets(tree, part, kind):
    (query,) = open_dataset(tree(part), f"reason_seg_plus/{part.lower()}", "train").queries(0)
    assert (query.kind, query.answer) == (kind, "The cup {seg}.")
    assert [(target.phrase, masks.area(target.rle)) for target in query.targets] == [("cup", 6)]


def test_a_turn_knows_those_before_it(tree):
    data = open_dataset(tree("Conversations"), "reason_seg_plus/conversations", "train")
    first, second = data.queries(0)
    assert (first.text, first.answer, first.targets) == ("What is the cup for?", "Tea.", ())
    assert second.id == "reason_seg_plus/conversations/train/0/1"
    assert second.earlier == (("What is the cup for?", "Tea."),)
    assert second.answer == "cup {seg} and jar {seg}"
    assert [masks.area(target.rle) for target in second.targets] == [2, 8]


def test_parts_are_found_as_released_or_renamed(tree):
    tree("COT", name="LISA_Plus_{}/data.json")
    root = tree("Caption")
    assert [source.dataset for source in find(root)] == ["reason_seg_plus/cot", "reason_seg_plus/caption"]


@pytest.mark.parametrize(
    ("part", "change", "line"),
    [
        ("Instance_Seg", {"ID": [13]}, "row 0: id 13: has no mask in this row"),
        ("Instance_Seg", {"ID": []}, "row 0: its ID is []"),
        ("Instance_Seg", {"points": []}, "row 0: its points are []"),
        ("Instance_Seg", {"points": {"11": {}, "12": {}}}, "row 0: id 12: has no key 'points'"),
        ("COT", {"info": {"11": [[1, 1, 2, 2]]}}, "row 0: id 11: a polygon of 2 points is none"),
        ("COT", {"English Answer": "A jar <12|jar> <13|cup>."}, "row 0: id 13: has no mask"),
        ("COT", {"image_path": "../../../../../../x.jpg"}, "leads out of"),
        ("Caption", {"English Question": ""}, "row 0: English Question: '' is no text"),
        ("Conversations", {"output": "<person>: a <person>: b"}, "row 0: its output is no conversation"),
        ("Conversations", {"output": "Hello"}, "row 0: its output is no conversation"),
    ],
)
def test_what_is_refused_names_file_and_row(tree, part, change, line):
    root = tree(part, {**ROWS[part], **change})
    with pytest.raises(ValueError, match=f"reason_seg_plus/LISA_Plus_{part}.json: row 0") as error:
        list(open_dataset(root, f"reason_seg_plus/{part.lower()}", "train"))
    assert line in str(error.value)
