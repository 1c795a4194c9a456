import pytest

from data.datasets import open_dataset
from tests.data.datasets.semantic import compare_with_truth, pixels, put_image, put_json, put_labels

LABELS = [{"readable": name} for name in ("Bird", "Traffic Sign (Front)", "Unlabeled", "Bus")]


def tree(root, values, labels=LABELS):
    put_json(root, "mapillary/config_v2.0.json", {"labels": labels})
    put_image(root, "mapillary/training/images/x-y_z.jpg", (1, len(values)))
    put_labels(root, "mapillary/training/v2.0/labels/x-y_z.png", [values], palette=True)
    return root


def test_truth(shared):
    compare_with_truth(shared, "mapillary")


def test_classes_stand_in_the_config_and_unlabeled_is_void(tmp_path):
    sign, bus = open_dataset(tree(tmp_path, [3, 2, 1, 1, 255]), "mapillary", "train").queries(0)
    assert (sign.text, bus.text) == ("traffic sign (front)", "bus")
    assert pixels(sign.targets[0].rle) == [[0, 0, 1, 1, 0]]
    assert pixels(sign.void) == [[0, 1, 0, 0, 1]]


def test_a_value_past_the_list_is_refused(tmp_path):
    with pytest.raises(ValueError, match="value 4"):
        open_dataset(tree(tmp_path, [4]), "mapillary", "train").queries(0)


def test_faults_of_the_config(tmp_path):
    tree(tmp_path, [0], labels=[{"readable": "Bird"}, {"name": "bus"}])
    with pytest.raises(ValueError, match=r"config_v2\.0\.json: label 1: has no key 'readable'"):
        open_dataset(tmp_path, "mapillary", "train")
    tree(tmp_path, [0], labels=[])
    with pytest.raises(ValueError, match="no list of 1 to 255"):
        open_dataset(tmp_path, "mapillary", "train")
    (tmp_path / "mapillary/config_v2.0.json").unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        open_dataset(tmp_path, "mapillary", "train")
