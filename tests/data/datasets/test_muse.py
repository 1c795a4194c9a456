"""MUSE: one target each, in the order of the answer's marks."""

import json

import pytest
from PIL import Image

from data import masks
from data.datasets import open_dataset
from data.datasets.muse import find

CUP = {"category_name": "tea_cup", "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]}  # 3 x 2 pixels
BOWL = {"category_name": "bowl", "rephrased_name": "blue bowl", "segmentation": [[0, 0, 8, 0, 8, 1, 0, 1]]}  # 8 x 1


def entry(*asked, **more):
    """A picture of 8 x 6 with (question, answers, text) for each question."""
    questions, answers, texts = ([one[part] for one in asked] for part in range(3))
    named = {"file_name": "COCO_train2014_1.jpg"} if "coco_url" not in more else {}
    lists = {"questions": questions, "answers": answers, "text_answers": texts}
    return {"id": 1, "height": 6, "width": 8, "ann_list": [], **named, **lists, **more}


def write(root, entries, file="muse/MUSE_val.json"):
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(entries))
    return root


def test_targets_are_in_the_order_of_the_answer(tmp_path):
    asked = ("What holds tea? ", [CUP, BOWL], "The cup {seg} and the bowl {seg}."), ("Soup?", [BOWL], None)
    data = open_dataset(write(tmp_path, [entry(*asked)]), "muse", "val")
    first, second = data.queries(0)
    assert (first.id, first.text, first.kind) == ("muse/val/0/0", "What holds tea?", "sentence")
    assert [(target.phrase, masks.area(target.rle)) for target in first.targets] == [("tea cup", 6), ("blue bowl", 8)]
    assert first.answer == "The cup {seg} and the bowl {seg}."
    assert (second.id, second.answer, len(second.targets)) == ("muse/val/0/1", None, 1)


def test_a_picture_is_of_train2014_by_name_and_elsewhere_by_its_address(tmp_path):
    url = "http://images.cocodataset.org/val2017/000000000007.jpg"
    entries = [entry(), entry(coco_url=url)]
    data = open_dataset(write(tmp_path, entries), "muse", "val")
    images = "refer_seg/images/mscoco/images"
    assert [data.picture(index).name for index in range(2)] == [
        f"{images}/train2014/COCO_train2014_1.jpg",
        f"{images}/val2017/000000000007.jpg",
    ]
    data.picture(1).path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(data.picture(1).path)
    assert data.picture(1).load().shape == (6, 8, 3)


def test_files_are_found_in_both_folders_and_cases(tmp_path):
    write(tmp_path, [], "multi_reason_seg/MultiReasonSeg/MUSE_test_many.json")
    write(tmp_path, [], "muse/muse_train.json")
    assert [source.split for source in find(tmp_path)] == ["train", "test_many"]


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (entry(("a?", [CUP], "No mark.")), "question 0: its answer has 0 {seg} for 1 masks"),
        (entry(("a?", [CUP], "{seg} {seg}")), "question 0: its answer has 2 {seg} for 1 masks"),
        (entry(("a?", [], "Nothing.")), "question 0: its answer is []"),
        (entry((" ", [CUP], None)), "question 0: ' ' is no text"),
        (entry(("a?", [{**CUP, "segmentation": [[1, 1, 2, 2]]}], None)), "tea cup: a polygon of 2 points is none"),
        (entry(("a?", [{"category_name": "cup"}], None)), "question 0: has no key 'segmentation'"),
        ({**entry(("a?", [CUP], None)), "answers": []}, "are not of one number"),
        ({**entry(), "height": 10**9}, "8 x 1000000000 pixels is no size of a picture"),
        ({**entry(), "file_name": "../../../../../../secret.jpg"}, "leads out of"),
        ("text", "expected keys and values"),
    ],
)
def test_what_is_refused_names_file_and_entry(tmp_path, broken, line):
    with pytest.raises(ValueError, match=r"muse/MUSE_val\.json: entry 1") as error:
        list(open_dataset(write(tmp_path, [entry(), broken]), "muse", "val"))
    assert line in str(error.value)


def test_the_sample_tree_is_read_as_its_truth_says(shared):
    truth = json.loads((shared / "samples/trees/TRUTH.json").read_text())["muse"]["splits"]
    found = {source.split: source.open() for source in find(shared / "samples/trees")}
    assert set(found) == set(truth)
    for split, wanted in truth.items():
        assert len(found[split]) == wanted["images"]
        queries = {query.id: (picture, query) for picture, several in found[split] for query in several}
        assert len(queries) == wanted["questions"]
        for sample in wanted["samples"]:
            picture, query = queries[sample["id"]]
            assert (picture.name, picture.size) == (sample["image"], (sample["height"], sample["width"]))
            assert query.text == sample["texts"][0].strip()
            assert [target.rle for target in query.targets] == sample["rles"]
            assert masks.union([target.rle for target in query.targets], picture.size) == sample["rle"]
            assert picture.load().shape[:2] == picture.size


def test_an_answer_with_a_mark_too_many_is_refused(shared):
    with pytest.raises(ValueError, match=r"MUSE_val\.json: entry 0: question 0"):
        list(open_dataset(shared / "samples/bad/muse_seg_count", "muse", "val"))
