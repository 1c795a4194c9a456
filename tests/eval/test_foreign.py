import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from data import export, masks
from eval import foreign, rescoring
from eval.benchmarks import find
from tests.eval.board import box
from tests.eval.test_rescoring import CUP, PROTOCOL, WANTED


def answers(tmp_path, rows, wanted=WANTED):
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(rows))
    assert foreign.is_list(path)
    return foreign.read(path, wanted)


def scores(made):
    return {each.id: PROTOCOL.count(each).iou for each in made}


def test_an_object_is_a_mask_and_several_are_united(tmp_path):
    left, right = box(0, 0, 4, 2), box(0, 2, 4, 4)
    made = answers(
        tmp_path,
        [
            {"id": "a/0", "segmentation": masks.encode(left), "score": 0.5},
            {"image_id": "a.jpg", "category": "Lamp", "segmentation": [[6, 6, 10, 6, 10, 10, 6, 10]]},
            {"id": "a/0", "segmentation": masks.encode(right)},
            {"id": "b", "segmentation": None},
        ],
    )
    assert scores(made) == {"a/0": 1.0, "a/1": 1.0, "b/0": 1.0}
    assert [(one.score, one.rle is None) for each in made for one in each.given][:2] == [(0.5, False), (1.0, False)]
    assert made[-1].answer == "<REJ>"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"segmentation": None}, "object 1: says not which question it answers"),
        ({"id": "d/0", "segmentation": None}, "no question of id 'd/0'"),
        ({"id": "a/0"}, "has no segmentation"),
        ({"id": "a/0", "segmentation": masks.encode(np.ones((3, 3), bool))}, r"of size \[3, 3\]"),
        ({"id": "a/0", "segmentation": "x"}, "neither polygons nor a run-length mask"),
        ({"id": "a/0", "segmentation": None, "score": "high"}, "its score is 'high'"),
        ({"image_id": "a.jpg", "segmentation": None}, "2 things are asked of picture a.jpg"),
        ({"image_id": "a.jpg", "category": "dog", "segmentation": None}, "asks for what it says"),
        (7, "expected keys and values"),
    ],
)
def test_a_wrong_object_is_named(row, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        answers(tmp_path, [row])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    export.export("refcoco", root, 6, ["val"], 0, quiet=True)
    return root


def test_the_annotations_of_a_dataset_as_answers_score_all(tree, tmp_path):
    """References and annotations as they lie in the files, with no reader of ours between."""
    folder = tree / "refer_seg" / "refcoco"
    refs = pickle.loads((folder / "refs(unc).p").read_bytes())
    annotations = json.loads((folder / "instances.json").read_text())["annotations"]
    shapes = {one["id"]: one["segmentation"] for one in annotations}
    benchmark = find("refcoco")
    protocol = benchmark.protocol()
    wanted = rescoring.expected(benchmark.open(tree, "val"), protocol)
    val = [ref for ref in refs if ref["split"] == "val"]
    by_sentence = [  # by its place, and by its words
        {
            "ref_id": ref["ref_id"],
            "sentence": one["sent"] if place % 2 else place,
            "segmentation": shapes[ref["ann_id"]],
        }
        for ref in val
        for place, one in enumerate(ref["sentences"])
    ]
    by_reference = [{"ref_id": ref["ref_id"], "segmentation": shapes[ref["ann_id"]]} for ref in val]
    for rows in (by_sentence, by_reference):
        made = rescoring.fitted(answers(tmp_path, rows, wanted), wanted)
        assert len(made) == sum(len(ref["sentences"]) for ref in val)
        numbers = protocol.summarise(protocol.count(one) for one in made)
        assert set(numbers.values()) == {1.0}
    lacking = rescoring.fitted(answers(tmp_path, by_reference[1:], wanted), wanted)
    failed = [one.id for one in lacking if one.error]
    assert failed == sorted(f"refcoco/val/{val[0]['ref_id']}/{n}/0" for n in range(len(val[0]["sentences"])))


def test_a_picture_is_found_by_its_number(tmp_path):
    wanted = {"x/0": replace(WANTED["a/0"], id="x/0", image="images/COCO_train2014_000000000042.jpg")}
    assert scores(answers(tmp_path, [{"image_id": 42, "segmentation": masks.encode(CUP)}], wanted)) == {"x/0": 1.0}
