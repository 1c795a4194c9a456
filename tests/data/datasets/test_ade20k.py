import json

import pytest

from data.datasets import open_dataset
from tests.data.datasets.semantic import compare_with_truth, pixels, put_image, put_labels


def test_truth(shared):
    compare_with_truth(shared, "ade20k")


def test_bad_label_maps_are_refused(shared):
    folder = shared / "samples" / "bad"
    cases = [case for case in json.loads((folder / "cases.json").read_text()) if case["reader"] == "ade20k"]
    assert {case["expect"] for case in cases} == {"reject"}
    words = {
        "label_16bit": "16 bits",
        "label_wrong_size": "32 x 24 pixels",
        "label_unknown_class": "value 200",
        "label_colour": "colour picture",
    }
    for case in cases:
        with pytest.raises(ValueError, match=words[case["path"]]) as caught:
            list(open_dataset(folder / case["path"], "ade20k", "train"))
        assert "ADE_train_00000001.png" in str(caught.value) and "\n" not in str(caught.value)


def test_classes_begin_at_one_and_nought_is_void(tmp_path):
    put_image(tmp_path, "ade20k/images/validation/ADE_val_00000001.jpg", (2, 2))
    put_labels(tmp_path, "ade20k/annotations/validation/ADE_val_00000001.png", [[0, 1], [150, 13]])
    wall, person, flag = open_dataset(tmp_path, "ade20k", "validation").queries(0)
    assert (wall.text, person.text, flag.text) == ("wall", "person", "flag")
    assert pixels(wall.targets[0].rle) == [[0, 1], [0, 0]]
    assert pixels(flag.void) == [[1, 0], [0, 0]]
