import pickle
from pathlib import Path

import pytest

from data.datasets._files import inside, read_pickle, text


@pytest.mark.parametrize("values", [[], [{"a": (1, 2.5, None, True, "é")}], {"a": {"b": [[]]}}])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_plain_values_come_back(tmp_path, values, protocol):
    (tmp_path / "a.p").write_bytes(pickle.dumps(values, protocol=protocol))
    assert read_pickle(tmp_path / "a.p") == values


@pytest.mark.parametrize("value", [b"bytes", {1}, frozenset([1]), bytearray(b"x"), 1j, range(3)])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_else_does(tmp_path, value, protocol):
    (tmp_path / "a.p").write_bytes(pickle.dumps([{"a": ([1, value],)}], protocol=protocol))
    with pytest.raises(ValueError, match=r"a\.p: holds more than plain data"):
        read_pickle(tmp_path / "a.p")


def test_a_pickle_that_refers_to_itself_many_times_takes_no_time(tmp_path):
    values = []
    for _ in range(90):
        values = [values, values]  # 2 ** 90 leaves
    values.append(values)
    (tmp_path / "a.p").write_bytes(pickle.dumps(values, protocol=2))
    assert len(read_pickle(tmp_path / "a.p")) == 3


def test_paths_stay_inside_the_root_and_linked_folders_are_followed(tmp_path):
    root, other = tmp_path / "root", tmp_path / "elsewhere"
    (root / "images").mkdir(parents=True)
    other.mkdir()
    (root / "images/coco").symlink_to(other)
    folder = root / "images/coco"
    assert inside(root, folder, "a.jpg", "entry 1") == folder / "a.jpg"
    assert inside(root, folder, "../b.jpg", "entry 1") == root / "images/b.jpg"
    for name in ("../../../x", str(other / "a.jpg"), "a/../../../../x", "../../../root2/x"):
        with pytest.raises(ValueError, match=r"entry 1: the file name .* leads out of root"):
            inside(root, folder, name, "entry 1")


@pytest.mark.parametrize("root", [".", "..", "../here", "a/.."])
def test_a_root_may_be_given_from_where_one_stands(tmp_path, monkeypatch, root):
    (tmp_path / "here/a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    root = Path(root)
    assert inside(root, root / "images", "a.jpg", "entry 1") == root / "images/a.jpg"
    with pytest.raises(ValueError, match="leads out of"):
        inside(root, root / "images", "../../a.jpg", "entry 1")


@pytest.mark.parametrize(
    "name", ["", "a\0.jpg", "a" * 300 + ".jpg", "a/" + "é" * 128, "a/" * 3000, "\ud800.jpg", 5, None]
)
def test_what_no_file_can_be_called_is_refused_before_the_system_is_asked(tmp_path, name):
    with pytest.raises(ValueError, match=r"^entry 1: .* is no file name$") as caught:
        inside(tmp_path, tmp_path / "images", name, "entry 1")
    assert len(str(caught.value)) < 120
    assert inside(tmp_path, tmp_path, "é" * 127 + "\udcff", "entry 1").name == "é" * 127 + "\udcff"


@pytest.mark.parametrize("value", [" \n", "left \ud83d", 5, None])
def test_what_cannot_be_written_is_no_text(value):
    with pytest.raises(ValueError, match=r"^entry 1: .* is no text"):
        text(value, "entry 1")
    assert text(" the 🍎\n", "entry 1") == "the 🍎"
