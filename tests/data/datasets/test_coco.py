import copy

import pytest

from data.datasets import open_dataset
from tests.data.datasets.semantic import pixels, put_image, put_json

FILE = "coco/annotations/instances_val2017.json"
SQUARE = [1, 1, 3, 1, 3, 3, 1, 3]  # columns and rows 1 and 2
CROWD = {"size": [4, 5], "counts": [1, 3, 16]}  # column by column: the first one but its top pixel
VALUES = {
    "images": [
        {"id": 7, "file_name": "000000000007.jpg", "height": 4, "width": 5},
        {"id": 9, "file_name": "000000000009.jpg", "height": 2, "width": 2},
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "hair drier"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": [SQUARE, [2, 1, 4, 1, 4, 3, 2, 3]]},
        {"id": 2, "image_id": 7, "category_id": 90, "iscrowd": 0, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]},
        # A crowd: in columns of four, the first column but its top pixel.
        {
            "id": 3,
            "image_id": 7,
            "category_id": 1,
            "iscrowd": 1,
            "segmentation": {"size": [4, 5], "counts": [1, 3, 16]},
        },
    ],
}


def tree(root, change=lambda values: None):
    values = copy.deepcopy(VALUES)
    change(values)
    put_json(root, FILE, values)
    put_image(root, "coco/val2017/000000000007.jpg", (4, 5))
    return root


def opened(root, change=lambda values: None):
    return open_dataset(tree(root, change), "coco", "val")


def test_a_query_a_category_with_the_union_of_its_instances(tmp_path):
    dataset = opened(tmp_path)
    person, drier = dataset.queries(0)
    assert (person.id, person.text, person.kind) == ("coco/val/0/person", "person", "class")
    assert (drier.id, drier.text) == ("coco/val/0/hair drier", "hair drier")
    (target,) = person.targets
    assert target.phrase == "person"
    assert pixels(target.rle) == [[0, 0, 0, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [1, 0, 0, 0, 0]]
    assert (person.void, person.answer, person.earlier) == (None, None, ())


def test_pictures_keep_their_order_and_size_and_may_have_nothing(tmp_path):
    dataset = opened(tmp_path)
    assert len(dataset) == 2
    assert (dataset.picture(1).name, dataset.picture(1).size) == ("coco/val2017/000000000009.jpg", (2, 2))
    assert dataset.picture(0).load().shape == (4, 5, 3)
    assert dataset.queries(1) == []


def test_the_folder_of_pictures_may_be_a_link(tmp_path):
    tree(tmp_path / "root")
    (tmp_path / "root/coco/val2017").rename(tmp_path / "elsewhere")
    (tmp_path / "root/coco/val2017").symlink_to(tmp_path / "elsewhere")
    assert open_dataset(tmp_path / "root", "coco", "val").picture(0).load().shape == (4, 5, 3)


def test_a_file_name_may_not_climb_out(tmp_path):
    dataset = opened(tmp_path, lambda values: values["images"][0].update(file_name="../../outside.jpg"))
    with pytest.raises(ValueError, match=r"image 7: the file name '\.\./\.\./outside\.jpg' leads out"):
        dataset.picture(0)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda values: values.pop("categories"), "has no key 'categories'"),
        (lambda values: values.update(images={}), "images are no list"),
        (lambda values: values["images"][1].update(id=7), "image number 1: its id 7"),
        (lambda values: values["images"][1].pop("file_name"), "image number 1: has no key 'file_name'"),
        (lambda values: values["images"][1].update(height=0), "2 x 0 pixels"),
        (lambda values: values["images"][1].update(height=10**9), "2 x 1000000000 pixels"),
        (lambda values: values["annotations"][1].update(id=1), "annotation number 1: its id 1"),
        (lambda values: values["annotations"][1].update(image_id=8), "annotation 2: image_id 8"),
        (lambda values: values["annotations"][1].update(category_id=3), "annotation 2: category_id 3"),
        (lambda values: values["annotations"][1].pop("segmentation"), "annotation number 1: has no key"),
        (lambda values: values["categories"][0].update(name=" "), "category number 0"),
    ],
)
def test_faults_are_said_at_opening(tmp_path, change, line):
    with pytest.raises(ValueError, match=line) as caught:
        opened(tmp_path, change)
    assert "instances_val2017.json" in str(caught.value)


@pytest.mark.parametrize(
    "segmentation",
    [[], [[1, 1, 2, 2]], [[1, 1, 2, 2, 3]], {"size": [2, 2], "counts": [4]}, {"size": [4, 5], "counts": [4]}, None],
)
def test_a_segmentation_that_is_none_is_said_by_its_annotation(tmp_path, segmentation):
    dataset = opened(tmp_path, lambda values: values["annotations"][2].update(segmentation=segmentation))
    with pytest.raises(ValueError, match=r"instances_val2017\.json: annotation 3: "):
        dataset.queries(0)
