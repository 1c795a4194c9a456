"""What a check tells of annotations as they are released: ids, references, polygons, and lines of one's own."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from data import datasets
from data.check import check
from tests.data.datasets.trees import ANNOTATIONS, HIGH, NEAR, WIDE, reference, tree

INSTANCES, REFS = "refer_seg/refcoco/instances.json", "refer_seg/refcoco/refs(unc).p"


def in_refs(tmp_path, refs, annotations=None, **more):
    """The report on a small tree of references, where it is read as a user has it."""
    return check(tree(tmp_path, refs, annotations=annotations or ANNOTATIONS, **more), quiet=True)


def rewrite(root, change):
    """Change the annotations of such a tree."""
    file = root / "refer_seg" / "refcoco" / "instances.json"
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


def told(report):
    """(kind, file, line without the file) of the faults."""
    return [(fault.kind, fault.file, fault.what.removeprefix(f"{fault.file}: ")) for fault in report.faults]


def test_of_one_dataset_alone_no_other_is_looked_into(tmp_path, monkeypatch):
    for file in ("refcoco/refs(unc).p", "refcocog/refs(umd).p"):
        tree(tmp_path, [reference()], file)
    opened, read = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path.parent.name) or read(path))
    assert [part.dataset for part in check(tmp_path, dataset="refcocog", quiet=True).parts] == ["refcocog"]
    assert set(opened) == {"refcocog"}


def test_a_picture_whose_name_no_file_can_have_is_a_fault_of_its_annotation(tmp_path):
    report = in_refs(tmp_path, [reference()], image={"file_name": "a" * 300 + ".jpg"})
    assert [(fault.kind, fault.file) for fault in report.faults] == [("annotation", INSTANCES)]


def test_an_annotation_twice_with_the_same_values(tmp_path):
    tree(tmp_path, [reference()])
    rewrite(tmp_path, lambda values: values["annotations"].append(values["annotations"][0]))
    assert told(check(tmp_path, quiet=True)) == [
        ("duplicate id", INSTANCES, "the id 11 is there twice in 'annotations', with the same values")
    ]
    assert len(datasets.open_dataset(tmp_path, "refcoco", "val").queries(0)) == 1  # training goes on with the one


def test_two_annotations_of_one_id_stop_a_reader_and_no_check(tmp_path):
    tree(tmp_path, [reference(0, 11), reference(1, 12)])
    rewrite(tmp_path, lambda values: values["annotations"].append({**values["annotations"][1], "id": 11}))
    rewrite(tmp_path, lambda values: values["images"].append({**values["images"][0], "file_name": "other.jpg"}))
    report = check(tmp_path, quiet=True)
    assert told(report) == [
        ("duplicate id", INSTANCES, "two different images have the id 1: keep the right one"),
        ("duplicate id", INSTANCES, "two different annotations have the id 11: keep the right one"),
    ]
    assert [(part.pictures, part.samples) for part in report.parts] == [(1, 2)]
    with pytest.raises(ValueError, match="two different images have the id 1"):
        datasets.open_dataset(tmp_path, "refcoco", "val")


def test_a_reference_and_a_sentence_in_two_splits(tmp_path):
    other = reference(0, 12, split="train", image_id=2)
    other["sentences"] = [{**other["sentences"][0], "sent_id": 7}]
    same_sentence = reference(5, 12, said=({"sent": "another", "sent_id": 0},), split="train", image_id=2)
    tree(tmp_path, [reference(0), other, same_sentence])
    rewrite(tmp_path, lambda values: values["images"].append({**values["images"][0], "id": 2, "file_name": "2.png"}))
    rewrite(tmp_path, lambda values: values["annotations"][1].update(image_id=2))
    Image.new("RGB", (WIDE, HIGH), "blue").save(tmp_path / "refer_seg/images/mscoco/images/train2014/2.png")
    assert sorted(told(check(tmp_path, quiet=True))) == [
        ("duplicate id", REFS, "ref_id 0 is in val and in train"),
        ("duplicate id", REFS, "sent_id 0 is in val and in train"),
    ]


def test_sentences_of_false_premises_may_have_the_ids_of_others(tmp_path):
    file = "fprefcoco/refs(berkeley_exclude_unified).p"
    taken = reference(1, 12, said=({"sent": "the left square", "sent_id": 0},))
    assert not in_refs(tmp_path, [reference(0), taken], file=file).faults


def test_an_annotation_that_nothing_asks_for(tmp_path):
    annotations = {**ANNOTATIONS, 21: [[0, 0, 2, 2]], 22: [[0, 0, 20, 0, 20, 2]]}
    report = in_refs(tmp_path, [reference()], annotations)
    assert told(report) == [
        ("annotation", INSTANCES, "annotation 21: a polygon of 2 points is none"),
        ("polygon outside", INSTANCES, "annotation 22: a polygon reaches 14 pixels out of the picture of 6 x 4"),
    ]
    assert {fault.split for fault in report.faults} == {""}
    rewrite(tmp_path, lambda values: values["annotations"][0].update(id=23, image_id=9))
    assert (INSTANCES, "annotation 23: belongs to image_id 9, which is not in the file") in [
        one[1:] for one in told(check(tmp_path, quiet=True))
    ]


def test_an_annotation_is_told_once_whoever_uses_it(tmp_path):
    bad = {**ANNOTATIONS, 11: [[0, 0, 2, 2]]}
    in_refs(tmp_path, [reference(0), reference(1)], bad)
    assert len(told(check(tmp_path, quiet=True))) == 1


def test_every_fault_of_a_picture(tmp_path):
    bad = {11: [[0, 0, 2, 2], [0, 0, 1]], 12: [[0, 0, 3, 3, 1]], 13: [NEAR]}
    refs = [
        reference(0, 11, said=("", "left")),
        reference(1, 12),
        reference(2, 99),
        {**reference(3, 13), "sentences": []},
        reference(4, 13),
    ]
    report = in_refs(tmp_path, refs, bad)
    assert sorted(what for _, _, what in told(report)) == [
        "annotation 11: a polygon has 3 numbers: its last point has no y",
        "annotation 11: a polygon of 2 points is none",
        "annotation 12: a polygon has 5 numbers: its last point has no y",
        "ref_id 0, sentence 0: '' is no text",
        "ref_id 2: its ann_id 99 is not in refer_seg/refcoco/instances.json",
        "ref_id 3: has no sentences",
    ]
    assert [part.samples for part in report.parts] == [1]  # the one that is whole


@pytest.mark.parametrize("damage", ["no picture at all", "cut", "gone"])
def test_a_picture_that_cannot_be_read_hides_no_fault_of_its_annotations(tmp_path, damage):
    tree(tmp_path, [reference(0), reference(1, 12)], annotations={**ANNOTATIONS, 11: [[0, 0, 2, 2]]})
    folder = tmp_path / "reason_seg" / "ReasonSeg" / "val"
    folder.mkdir(parents=True)
    Image.new("RGB", (640, 480)).save(folder / "one.jpg")
    shapes = [
        {"label": "target", "points": [[0, 0], [1, 1]]},
        {"label": "target", "points": [[0, 0], ["x", 1], [2, 2]]},
    ]
    (folder / "one.json").write_text(json.dumps({"text": ["", "it"], "is_sentence": True, "shapes": shapes}))
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(folder / "one.jpg", own)
    targets = [{"phrase": "one", "mask": [[0, 0, 1, 1]]}, {"phrase": "two", "mask": [[0, 0, 3, 3, 1]]}]
    line = json.dumps({"image": "one.jpg", "question": "Which?", "targets": targets})
    (own / "pinpoint.jsonl").write_text(line)
    for picture in (next(tmp_path.glob("refer_seg/images/**/*.jpg")), folder / "one.jpg", own / "one.jpg"):
        if damage == "gone":
            picture.unlink()
        else:
            picture.write_bytes(b"<html>" if damage == "no picture at all" else picture.read_bytes()[:-200])
    kind = "missing image" if damage == "gone" else "unreadable image"
    faults = {}
    for fault in check(tmp_path, quiet=True).faults:
        faults.setdefault(fault.dataset, []).append(fault)
    for name, wanted in {
        "refcoco": ["annotation 11: a polygon of 2 points is none"],
        "ReasonSeg": [
            "text 0: '' is no text",
            "shape 0: 2 points are no polygon",
            "shape 1: has a point that is no pair",
        ],
        "own": ["target 1: a polygon of 2 points is none", "target 2: a polygon has 5 numbers"],
    }.items():
        assert [fault.kind for fault in faults[name]].count(kind) == 1
        others = [fault.what for fault in faults[name] if fault.kind == "annotation"]
        assert len(others) == len(wanted)
        assert all(said in line for line, said in zip(others, wanted, strict=True))


def test_coco_annotations_of_one_id(tmp_path):
    square = [[1, 1, 5, 1, 5, 5, 1, 5]]
    one = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": square}
    values = {
        "images": [{"id": 1, "file_name": "1.jpg", "height": 8, "width": 8}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [
            one,
            one,
            {**one, "id": 2, "segmentation": [[0, 0, 1, 1]]},
            {**one, "id": 3, "segmentation": 5},
        ],
    }
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    (tmp_path / "coco" / "train2017").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "coco" / "train2017" / "1.jpg")
    (tmp_path / "coco" / "annotations" / "instances_train2017.json").write_text(json.dumps(values))
    report = check(tmp_path, quiet=True)
    assert [fault.kind for fault in report.faults] == ["duplicate id", "annotation", "annotation"]
    assert {fault.file for fault in report.faults} == {"coco/annotations/instances_train2017.json"}
    with pytest.raises(ValueError, match="ids must differ"):
        datasets.open_dataset(tmp_path, "coco", "train")


def test_every_bad_line_of_ones_own_folder(tmp_path):
    (tmp_path / "own").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "own" / "one.png")
    good = json.dumps({"image": "one.png", "question": "What?", "answer": "A square."})
    (tmp_path / "own" / "pinpoint.jsonl").write_text(f"{{\n{good}\n[]\n{good}\n")
    report = check(tmp_path, quiet=True)
    assert [fault.what.split(": ")[1] for fault in report.faults] == ["line 1", "line 3"]
    assert [part.samples for part in report.parts] == [2]
