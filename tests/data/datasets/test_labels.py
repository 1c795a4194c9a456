import numpy as np
import pytest
from PIL import Image

from data.datasets._labels import Folders, LabelMaps, Legend, published_classes, read_labels, sources
from tests.data.datasets.semantic import pixels, put_image, put_labels

PAIR = ("a.jpg", "a.png")
LEGEND = Legend({1: "cat", 2: "dog", 4: "cat"}, frozenset((0, 255)))


def opened(root, size=(2, 3), pairs=(PAIR,)):
    put_image(root, "a.jpg", size)
    return LabelMaps(root, "pets", "train", pairs, LEGEND)


def test_a_query_a_class_with_the_rest_void(tmp_path):
    put_labels(tmp_path, "a.png", [[4, 1, 2], [0, 1, 255]])
    cat, dog = opened(tmp_path).queries(0)
    assert (cat.id, cat.text, cat.kind) == ("pets/train/0/cat", "cat", "class")
    assert pixels(cat.targets[0].rle) == [[1, 1, 0], [0, 1, 0]]  # values 1 and 4 are one class
    assert pixels(dog.targets[0].rle) == [[0, 0, 1], [0, 0, 0]]
    assert pixels(dog.void) == [[0, 0, 0], [1, 0, 1]]


def test_no_void_where_every_pixel_has_a_class(tmp_path):
    put_labels(tmp_path, "a.png", [[1, 1, 2], [2, 1, 1]])
    assert {query.void for query in opened(tmp_path).queries(0)} == {None}


def test_a_picture_that_is_all_void_is_asked_nothing(tmp_path):
    put_labels(tmp_path, "a.png", [[0, 0, 0], [255, 0, 0]])
    assert opened(tmp_path).queries(0) == []


def test_a_palette_gives_its_indices(tmp_path):
    put_labels(tmp_path, "a.png", [[4, 1, 2], [0, 1, 1]], palette=True)
    assert read_labels(tmp_path / "a.png", "a.png").tolist() == [[4, 1, 2], [0, 1, 1]]


def test_a_palette_of_few_bits_gives_its_indices(tmp_path):
    image = Image.fromarray(np.array([[3, 1], [0, 2]], dtype=np.uint8))
    image.putpalette([9] * 12)
    image.save(tmp_path / "a.png", bits=2)
    assert (tmp_path / "a.png").read_bytes()[24] == 2  # the bit depth in a PNG's header
    assert read_labels(tmp_path / "a.png", "a.png").tolist() == [[3, 1], [0, 2]]


def test_a_picture_lying_on_its_side_is_measured_upright(tmp_path):
    put_labels(tmp_path, "a.png", [[1, 2, 1], [1, 2, 1]])
    upright = opened(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (2, 3)).save(tmp_path / "a.jpg", exif=exif)
    assert len(upright.queries(0)) == 2
    assert upright.picture(0).load().shape == (2, 3, 3)


def test_a_missing_picture_is_said_when_it_is_loaded_alone(tmp_path):
    put_labels(tmp_path, "a.png", [[1]])
    dataset = opened(tmp_path, size=(1, 1))
    (tmp_path / "a.jpg").unlink()
    assert len(dataset.queries(0)) == 1
    with pytest.raises(ValueError, match=r"a\.jpg: there is no such file"):
        dataset.picture(0).load()


def test_faults_are_told_in_a_line_that_names_the_file(tmp_path):
    dataset = opened(tmp_path)

    def line():
        with pytest.raises(ValueError, match=r"a\.png") as caught:
            dataset.queries(0)
        return str(caught.value)

    path = tmp_path / "a.png"
    assert "no such label map" in line()
    put_labels(tmp_path, "a.png", [[1, 3, 2], [0, 1, 0]])
    assert "value 3" in line()
    put_labels(tmp_path, "a.png", [[1, 2], [1, 2]])
    assert "is 2 x 2 pixels" in line() and "is 3 x 2" in line()
    Image.new("RGB", (3, 2)).save(path)
    assert "colour" in line()
    Image.fromarray(np.full((2, 3), 300, dtype=np.uint16)).save(path)
    assert "16 bits" in line()
    Image.new("1", (3, 2)).save(path)
    assert "1 bits" in line()
    Image.new("L", (3, 2), 1).save(path, "JPEG")
    assert "no PNG" in line()
    path.write_bytes(b"")
    assert "empty" in line()
    Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(path)
    path.write_bytes(path.read_bytes()[:45])
    assert "damaged" in line()
    claimed = bytearray(path.read_bytes())
    claimed[16:24] = (60_000).to_bytes(4, "big") * 2
    path.write_bytes(claimed)
    assert "60000 x 60000" in line()


def test_splits_are_found_by_their_folders_and_ids_count_on(tmp_path):
    folders = (Folders("train", "labels/one", ("one",)), Folders("val", "labels/two", ("two",)))
    assert sources(tmp_path, "pets", folders, lambda root: LEGEND) == []
    for name in ("one/b", "one/a", "two/c"):
        put_image(tmp_path, f"{name}.jpg", (1, 1))
        put_labels(tmp_path, f"labels/{name}.png", [[1]])
    (tmp_path / "labels/one/._a.png").write_bytes(b"left by a file manager")
    train, val = sources(tmp_path, "pets", folders, lambda root: LEGEND)
    assert (train.split, val.split, train.files) == ("train", "val", (tmp_path / "labels/one",))
    dataset = train.open()
    assert [dataset.picture(index).name for index in range(len(dataset))] == ["one/a.jpg", "one/b.jpg"]
    assert val.open().queries(0)[0].id == "pets/val/2/cat"


def test_a_picture_without_labels_is_kept_and_said(tmp_path):
    put_image(tmp_path, "one/a.jpg", (1, 1))
    put_labels(tmp_path, "labels/one/b.png", [[1]])
    (source,) = sources(tmp_path, "pets", (Folders("train", "labels/one", ("one",)),), lambda root: LEGEND)
    dataset = source.open()
    assert [dataset.picture(index).name for index in range(len(dataset))] == ["one/a.jpg", "one/b.jpg"]
    with pytest.raises(ValueError, match="no such label map"):
        dataset.queries(0)


def test_pictures_without_their_folder_of_labels_are_said(tmp_path):
    put_image(tmp_path, "one/a.jpg", (1, 1))
    (source,) = sources(tmp_path, "pets", (Folders("train", "labels/one", ("one",)),), lambda root: LEGEND)
    with pytest.raises(ValueError, match="labels/one: there is no such folder"):
        source.open()
    (tmp_path / "labels/one").mkdir(parents=True)
    (tmp_path / "one/a.jpg").unlink()
    with pytest.raises(ValueError, match="holds no label map"):
        source.open()


def test_published_classes():
    ade20k, cocostuff = published_classes("ade20k"), published_classes("cocostuff")
    assert (len(ade20k), len(set(ade20k))) == (150, 150)
    assert (ade20k[0], ade20k[12], ade20k[89], ade20k[149]) == ("wall", "person", "television receiver", "flag")
    assert (len(cocostuff), len(set(cocostuff))) == (182, 182)
    assert (cocostuff[0], cocostuff[89], cocostuff[156], cocostuff[181]) == ("person", "toothbrush", "sky", "wood")
