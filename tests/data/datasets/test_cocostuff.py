import pytest

from data.datasets import open_dataset
from tests.data.datasets.semantic import compare_with_truth, pixels, put_image, put_labels


def test_truth(shared):
    """The truth numbers its pictures in no order that can be known from the files, so ids differ in their number."""
    compare_with_truth(shared, "cocostuff", same_numbers=False)


def test_values_are_ids_less_one_and_hyphened_classes_are_void(tmp_path):
    put_image(tmp_path, "coco/val2017/000000000009.jpg", (1, 5))
    put_image(tmp_path, "coco/val2017/000000000010.jpg", (1, 5))  # has no label map here: not of this set
    put_labels(tmp_path, "cocostuff/val2017/000000000009.png", [[0, 181, 156, 95, 255]])  # 95: building-other
    dataset = open_dataset(tmp_path, "cocostuff", "val")
    assert len(dataset) == 1
    person, sky, wood = dataset.queries(0)
    assert (person.text, sky.text, wood.text) == ("person", "sky", "wood")
    assert pixels(sky.targets[0].rle) == [[0, 0, 1, 0, 0]]
    assert pixels(sky.void) == [[0, 0, 0, 1, 1]]


def test_a_value_past_the_last_class_is_refused(tmp_path):
    put_labels(tmp_path, "cocostuff/train2017/000000000009.png", [[182]])
    with pytest.raises(ValueError, match="value 182"):
        open_dataset(tmp_path, "cocostuff", "train").queries(0)


def test_pictures_may_lie_beside_their_label_maps(tmp_path):
    put_image(tmp_path, "cocostuff/train2017/000000000009.jpg", (1, 1))
    put_labels(tmp_path, "cocostuff/train2017/000000000009.png", [[0]])
    picture = open_dataset(tmp_path, "cocostuff", "train").picture(0)
    assert picture.name == "cocostuff/train2017/000000000009.jpg"
    assert picture.load().shape == (1, 1, 3)
