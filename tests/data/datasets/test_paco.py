import pytest

from data.datasets import open_dataset
from tests.data.datasets.semantic import compare_with_truth, pixels, put_image, put_json

LEFT = {"size": [1, 3], "counts": [0, 1, 2]}
RIGHT = {"size": [1, 3], "counts": [2, 1]}


def tree(root, names):
    """One picture of three pixels with an annotation, on its right, for each category."""
    values = {
        "images": [{"id": 5, "file_name": "train2017/000000000005.jpg", "height": 1, "width": 3}],
        "categories": [{"id": 10 + place, "name": name} for place, name in enumerate(names)],
        "annotations": [
            {"id": place, "image_id": 5, "category_id": 10 + place, "segmentation": RIGHT if place else LEFT}
            for place in range(len(names))
        ],
    }
    put_json(root, "vlpart/paco/annotations/paco_lvis_v1_test.json", values)
    put_image(root, "coco/train2017/000000000005.jpg", (1, 3))
    return root


def test_truth(shared):
    compare_with_truth(shared, "paco_lvis")


def test_things_and_parts_in_words(tmp_path):
    names = ["trash_can", "trash_can:rim", "bow_(weapon):string_(of_it)"]
    dataset = open_dataset(tree(tmp_path, names), "paco_lvis", "test")
    assert dataset.picture(0).load().shape == (1, 3, 3)
    found = [(query.text, query.kind, query.targets[0].phrase) for query in dataset.queries(0)]
    assert found == [
        ("trash_can", "class", "trash can"),
        ("trash_can rim", "part", "rim of the trash can"),
        ("bow string", "part", "string of the bow"),
    ]


def test_categories_of_one_name_are_one_query(tmp_path):
    (query,) = open_dataset(tree(tmp_path, ["bow_(weapon)", "bow_(ribbon)"]), "paco_lvis", "test").queries(0)
    assert pixels(query.targets[0].rle) == [[1, 0, 1]]


@pytest.mark.parametrize("name", ["cup:rim:top", "cup:", ":rim"])
def test_a_name_of_another_form_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"category number 1: .* is neither THING nor THING:PART"):
        open_dataset(tree(tmp_path, ["cup", name]), "paco_lvis", "test")
