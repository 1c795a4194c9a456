import pytest

from data.datasets import open_dataset
from tests.data.datasets.semantic import compare_with_truth, pixels, put_image, put_json


def tree(root, name):
    """One picture of three pixels with two overlapping annotations of one category."""
    values = {
        "categories": [{"id": 19, "name": name, "abbr": "bus:liplate"}],
        "images": [{"id": 2008000008, "file_name": "2008_000008.jpg", "height": 1, "width": 3}],
        "annotations": [
            {"id": 0, "image_id": 2008000008, "category_id": 19, "segmentation": {"size": [1, 3], "counts": [0, 2, 1]}},
            {"id": 1, "image_id": 2008000008, "category_id": 19, "segmentation": {"size": [1, 3], "counts": [1, 1, 1]}},
        ],
    }
    put_json(root, "vlpart/pascal_part/val.json", values)
    put_image(root, "vlpart/pascal_part/VOCdevkit/VOC2010/JPEGImages/2008_000008.jpg", (1, 3))
    return root


def test_truth(shared):
    compare_with_truth(shared, "pascal_part")


def test_a_part_of_every_thing_is_one_query(tmp_path):
    dataset = open_dataset(tree(tmp_path, "bus:license plate"), "pascal_part", "val")
    (query,) = dataset.queries(0)
    assert (query.id, query.kind) == ("pascal_part/val/0/bus license plate", "part")
    assert (query.text, query.targets[0].phrase) == ("bus license plate", "license plate of the bus")
    assert pixels(query.targets[0].rle) == [[1, 1, 0]]
    assert dataset.picture(0).load().shape == (1, 3, 3)


@pytest.mark.parametrize("name", ["bus", "bus:", ":wheel", "bus:wheel:rim"])
def test_a_name_of_another_form_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="is not THING:PART"):
        open_dataset(tree(tmp_path, name), "pascal_part", "val")
