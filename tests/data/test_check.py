"""What a check of a tree tells: pictures, splits, datasets that cannot be opened."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.check import check


def kinds(report):
    return [(fault.kind, fault.dataset, fault.split) for fault in report.faults]


def walk(toys, **options):
    return check(toys.root, quiet=True, **options)


def test_counts_what_is_there(toys):
    toys.add()
    toys.add(polygons=None)
    toys.add(split="val")
    Image.new("RGB", (80, 50)).save(toys.root / "images" / "large.png")
    toys.add(split="val", image="images/large.png", size=(50, 80))
    report = walk(toys)
    assert not report.faults and not report.remarks
    train, val = report.parts
    assert (train.dataset, train.split, train.pictures, train.samples) == ("toys", "train", 2, 2)
    assert (train.targets, train.empties) == (1, 1)
    assert (val.targets, val.empties) == (2, 0)
    assert val.sizes == {"smallest": (30, 40), "median": (50, 80), "largest": (50, 80)}
    assert report.as_json()["passed"] is True


def test_a_missing_picture(toys):
    file = toys.add()
    toys.add()
    file.unlink()
    report = walk(toys)
    assert kinds(report) == [("missing image", "toys", "train")]
    (fault,) = report.faults
    assert fault.file == "images/toys-train-0.png"
    assert fault.remedy
    assert report.parts[0].samples == 2


def test_a_damaged_picture_is_found_unless_headers_alone_are_read(toys):
    file = toys.add()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:1500])
    assert kinds(walk(toys)) == [("unreadable image", "toys", "train")]
    assert kinds(walk(toys, quick=True)) == []
    file.write_text("no picture")
    assert kinds(walk(toys, quick=True)) == [("unreadable image", "toys", "train")]


@pytest.mark.parametrize("quick", [False, True])
def test_annotations_for_another_size(toys, quick):
    toys.add(size=(40, 30))
    (fault,) = walk(toys, quick=quick).faults
    assert fault.kind == "size mismatch"
    assert "is 40 x 30 pixels" in fault.what and "for 30 x 40" in fault.what


def test_a_polygon_of_two_points_and_one_that_leaves_the_picture(toys):
    toys.add(polygons=[[1, 1, 5, 5]])
    toys.add(polygons=[[5, 5, 60, 5, 60, 15, 5, 15]])
    toys.add(polygons=[[0, 0, 40, 0, 40, 30.5, 0, 30.5]])  # to the edge and a little over: annotators do that
    toys.add()
    report = walk(toys)
    assert kinds(report) == [("annotation", "toys", "train"), ("polygon outside", "toys", "train")]
    assert report.faults[0].file == report.faults[1].file == "toys/toys/train.json"
    assert "toys/train/0" in report.faults[0].what and "2 points" in report.faults[0].what
    assert "20 pixels out" in report.faults[1].what
    assert report.parts[0].samples == 3


def test_an_empty_mask(toys):
    toys.add(polygons=[[5, 5, 5, 5, 5, 5]])
    assert kinds(walk(toys)) == [("empty mask", "toys", "train")]


def test_an_id_twice(toys):
    toys.add(id="one")
    toys.add(id="one")
    toys.add(split="val", id="one")  # another split: no fault
    assert kinds(walk(toys)) == [("duplicate id", "toys", "train")]


def test_a_picture_in_train_and_in_another_split(toys):
    file = toys.add()
    toys.add(split="test", image="images/toys-train-0.png")
    assert kinds(walk(toys)) == kinds(walk(toys, quick=True)) == [("in two splits", "toys", "test")]
    shutil.copy(file, file.with_name("copy.png"))
    toys.add(split="val", image="images/copy.png")
    assert ("in two splits", "toys", "val") in kinds(walk(toys))
    assert ("in two splits", "toys", "val") not in kinds(walk(toys, quick=True))


def test_datasets_may_share_pictures(toys):
    toys.add()
    toys.add(name="others", split="val", image="images/toys-train-0.png")
    assert not walk(toys).faults


def test_a_set_split_by_object_shares_pictures_by_design(toys):
    toys.add(name="refs/google")
    toys.add(name="refs/google", split="val", image="images/refs-google-train-0.png")
    report = walk(toys)
    assert not report.faults
    (remark,) = report.remarks
    assert (remark.overlap.split, remark.overlap.other_split, remark.overlap.count) == ("val", "train", 1)


def test_a_dataset_that_cannot_be_opened_stops_nothing(toys):
    toys.add(name="broken")
    toys.add(name="whole")
    (toys.root / "toys" / "broken" / "train.json").write_text("[{")
    report = walk(toys)
    assert kinds(report) == [("cannot open", "broken", "train")]
    assert report.faults[0].file == "toys/broken/train.json"
    assert [(part.dataset, part.pictures) for part in report.parts] == [("broken", 0), ("whole", 1)]


def test_one_dataset_alone(toys):
    toys.add()
    toys.add(name="others")
    assert [part.dataset for part in walk(toys, dataset="others").parts] == ["others"]
    with pytest.raises(ValueError, match="did you mean 'others'"):
        walk(toys, dataset="other")


def test_names_longer_than_the_system_s_stop_nothing(toys, tmp_path):
    toys.add(id="o" * 300)
    toys.add(id="o" * 300)
    assert kinds(walk(toys)) == [("duplicate id", "toys", "train")]


def test_no_tree(toys, tmp_path):
    with pytest.raises(ValueError, match="no folder"):
        check(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="none of the datasets"):
        check(tmp_path)


CHECK_ALL = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (6_000_000_000, 6_000_000_000))
from data.check import check
for path in sys.argv[1:]:
    print(json.dumps([[fault.kind, fault.file, fault.what] for fault in check(Path(path), quiet=True).faults]))
"""


def test_the_bad_samples_one_after_the_other(shared, tmp_path):
    bad = shared / "samples" / "bad"
    cases = [case for case in json.loads((bad / "cases.json").read_text()) if case["reader"] != "image"]
    words = [sys.executable, "-c", CHECK_ALL, *(str(bad / case["path"]) for case in cases)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert not (tmp_path / "PWNED").exists()
    for case, line in zip(cases, done.stdout.splitlines(), strict=True):
        faults = json.loads(line)
        assert len(faults) == (case["expect"] == "reject"), (case["path"], faults)
        for kind, file, what in faults:
            assert kind in ("cannot open", "annotation", "unreadable image", "size mismatch")
            assert (bad / case["path"] / file).is_file()
            assert what.startswith(file) and "Traceback" not in what and str(bad) not in what


def test_pictures_that_evaluation_splits_share(toys):
    toys.add(split="val", image="images/one.png")
    toys.add(split="test", image="images/one.png")
    toys.add(split="test")
    (fault,) = walk(toys).faults
    assert (fault.kind, fault.split) == ("in two splits", "val")
    assert fault.what == "images/one.png: is in test and in val"


def test_what_one_set_trains_on_and_another_holds_out_is_told_and_no_fault(toys):
    for number in range(5):
        toys.add(name="ones", image=f"images/{number}.png")
    for number in range(1, 8):
        toys.add(name="others", split="val", image=f"images/{number}.png")
    toys.add(name="others", split="train", image="images/alone.png")
    toys.add(name="thirds", split="train", image="images/7.png")
    shutil.copy(toys.root / "images" / "0.png", toys.root / "images" / "copy.png")
    toys.add(name="others", split="val", image="images/copy.png")
    report = walk(toys)
    assert not report.faults
    first, second = report.as_json()["remarks"]
    assert (first["dataset"], first["split"], first["other"], first["other_split"]) == (
        "others",
        "val",
        "ones",
        "train",
    )
    assert (first["count"], first["pictures"], len(first["examples"])) == (5, 8, 3)  # 1 to 4, and the copy of 0
    assert first["examples"][0] == "images/copy.png"  # as the split has it
    assert first["what"] == "others/val: 5 of its 8 pictures are in ones/train as well"
    assert (second["other"], second["count"]) == ("thirds", 1)
    assert [remark.overlap.count for remark in walk(toys, quick=True).remarks] == [4, 1]  # by name alone
