import json
import threading

import pytest

from app import trees
from tests.data.datasets.toybox import SQUARE


@pytest.fixture
def opened(toys):
    """Four pictures: right, asking for what is not there, with a wrong polygon, of another size."""
    toys.add(text="Red <b>square</b>")
    toys.add(polygons=None, text="lamp")
    toys.add(polygons=(SQUARE[:3],))
    toys.add(size=(40, 30))
    toys.add(split="val")
    found = trees.look(toys.root)
    made, notes = trees.open_split(found.splits("toys", "toys")["train"], toys.root)
    assert notes == []
    return made, toys.root


def test_datasets_and_splits_are_found_by_family(toys, opened):
    found = trees.look(toys.root)
    assert list(found.families) == ["toys"] and found.problems == []
    assert found.names("toys") == ["toys"] and list(found.splits("toys", "toys")) == ["train", "val"]


def test_a_sample_says_what_is_wrong_with_it(opened):
    made, root = opened
    right, absent, odd, other = (trees.sample(made, n, root) for n in range(4))
    assert right.problems == () and right.size == (30, 40) and right.queries[0].text == "Red <b>square</b>"
    assert absent.problems == () and absent.queries[0].targets[0].absent
    assert odd.queries == () and "toys/toys/train.json: toys/train/2: a polygon has 3 numbers" in odd.problems[0]
    assert "is 40 x 30 pixels and its annotations are for 30 x 40" in " ".join(other.problems)
    assert str(root) not in " ".join(odd.problems + other.problems)


def test_a_missing_and_a_damaged_picture_are_named(toys):
    toys.add().unlink()
    toys.add().write_bytes(b"no picture")
    made, _ = trees.open_split(trees.look(toys.root).splits("toys", "toys")["train"], toys.root)
    assert "there is no such file" in trees.sample(made, 0, toys.root).problems[0]
    assert "is not a picture" in trees.sample(made, 1, toys.root).problems[0]


def test_kinds_are_counted_and_samples_found_by_id_and_text(opened):
    made, root = opened
    index = trees.Index(len(made))
    index.go_on(made, root, 60)
    assert index.whole and dict(index.kinds) == {"phrase": 3} and (index.targets, index.absent) == (2, 1)
    assert list(index.wrong) == [2, 3]
    assert [one.picture for one in index.search("RED")] == [0]
    assert [one.picture for one in index.search(" toys/train/1 ")] == [1]
    assert [one.picture for one in index.search("")] == [0, 1, 3]
    assert index.search("", "class") == [] and index.search("nothing") == []


def test_as_much_is_read_as_there_is_time_for(opened):
    made, root = opened
    index = trees.Index(len(made))
    index.go_on(made, root, 0)
    assert (index.read, index.whole) == (0, False)
    while not index.whole:
        index.go_on(made, root, 0.0001)
    assert index.read == 4


def test_a_split_that_cannot_be_opened_is_one_line(toys):
    toys.add()
    (toys.root / "toys/toys/train.json").write_text("[")
    source = trees.look(toys.root).splits("toys", "toys")["train"]
    with pytest.raises(ValueError, match=r"^toys/toys/train\.json: is no whole JSON$"):
        trees.open_split(source, toys.root)


def test_a_check_names_the_faults_and_is_alone(opened, monkeypatch):
    _, root = opened
    assert {fault.kind for fault in trees.check(root, "toys")} == {"annotation", "size mismatch"}
    monkeypatch.setattr(trees, "_checking", threading.Lock())
    trees._checking.acquire()
    with pytest.raises(ValueError, match="another dataset is being checked"):
        trees.check(root, "toys")


def test_every_sample_tree_is_read_without_a_fault(shared):
    truth = json.loads((shared / "samples/trees/TRUTH.json").read_text())["reason_seg"]["splits"]
    root = shared / "samples/trees"
    found = trees.look(root)
    for split, source in found.splits("reason", "ReasonSeg").items():
        made, notes = trees.open_split(source, root)
        index = trees.Index(len(made))
        index.go_on(made, root, 60)
        assert notes == [] and index.wrong == {}
        assert len(made) == len({one["image"] for one in truth[split]["samples"]})
