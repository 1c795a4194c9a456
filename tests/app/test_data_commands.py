import json

import numpy as np
from PIL import Image

from app.cli import main
from data import masks


def run(*words):
    return main([str(word) for word in words])


def test_check_says_what_there_is(toys, capsys):
    toys.add()
    toys.add(polygons=None)
    assert run("data", "check", toys.root) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split()[:6] == ["toys", "train", "2", "2", "1", "1"]
    assert "40 x 30" in said.out
    assert said.out.endswith("nothing is wrong\n")
    assert "toys/train" in said.err  # the bar


def test_check_says_what_is_wrong(toys, capsys):
    for _ in range(12):
        toys.add().unlink()
    assert run("data", "check", toys.root) == 1
    said = capsys.readouterr().out
    assert "12 faults" in said
    assert "missing image, 12 times: put the picture there" in said
    assert "images/toys-train-0.png: there is no such file" in said
    assert "and 2 more" in said
    assert run("data", "check", toys.root, "--json", "--quick") == 1
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert err == ""
    assert len(values["faults"]) == 12
    assert values["faults"][0]["file"] == "images/toys-train-0.png"
    assert values["parts"][0]["pictures"] == 12


def test_wrong_arguments_end_in_one_line(toys, capsys):
    toys.add()
    for words in (
        ("data", "check", toys.root / "nowhere"),
        ("data", "check", toys.root, "--dataset", "tosy"),
        ("data", "dump", toys.root, "--dataset", "toys", "--split", "trian"),
        ("data", "show", toys.root, "--dataset", "tosy", "--split", "train", "--out", toys.root / "out"),
    ):
        assert run(*words) == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.startswith("pinpoint: ") and said.err.count("\n") == 1


def test_dump_writes_lines(toys, tmp_path, capsys):
    toys.add(text="das Café")
    toys.add(polygons=None)
    assert run("data", "dump", toys.root, "--dataset", "toys", "--split", "train") == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    rle = first["targets"][0].pop("rle")
    assert masks.decode(rle)[5:15, 5:15].all() and masks.area(rle) == 100
    assert first == {
        "id": "toys/train/0",
        "image": "images/toys-train-0.png",
        "size": [30, 40],
        "text": "das Café",
        "kind": "phrase",
        "targets": [{"phrase": "das Café", "empty": False}],
    }
    assert second["targets"] == [{"phrase": "square", "empty": True, "rle": None}]
    file = tmp_path / "out" / "dump.jsonl"
    assert run("data", "dump", toys.root, "--dataset", "toys", "--split", "train", "--out", file) == 0
    assert len(file.read_text(encoding="utf-8").splitlines()) == 2


def test_dump_leaves_no_half_file(toys, tmp_path, capsys):
    toys.add()
    toys.add(polygons=[[1, 1, 2, 2]])
    file = tmp_path / "dump.jsonl"
    assert run("data", "dump", toys.root, "--dataset", "toys", "--split", "train", "--out", file) == 2
    assert "2 points" in capsys.readouterr().err
    assert not list(tmp_path.glob("dump*"))


def test_show_draws_words_and_masks(toys, tmp_path, capsys):
    for _ in range(4):
        toys.add(text="the square " * 12)
    out = tmp_path / "shown"
    assert run("data", "show", toys.root, "--dataset", "toys", "--split", "train", "--count", "2", "--out", out) == 0
    assert "wrote 2 pictures" in capsys.readouterr().out
    files = sorted(out.iterdir())
    assert [file.name for file in files] == ["001-toys-train-0.png", "002-toys-train-2.png"]
    image = np.array(Image.open(files[0]))
    assert image.shape[1] == 480 and image.shape[0] > 30 + 4 * 20
    bare = image[-30:, 220:260]
    assert (bare[20:, 20:] == bare[-1, -1]).all()  # nothing is drawn beside the square
    assert (bare[8:12, 8:12] != bare[-1, -1]).any()


def test_export_writes_trees_that_check_finds_whole(tmp_path, capsys):
    root = tmp_path / "root"
    assert run("world", "export", "--format", "grefcoco", "muse", "--count", "3", "--out", root) == 0
    said = capsys.readouterr().out
    assert "wrote grefcoco" in said and "wrote muse" in said and "3 annotation files" in said
    assert run("data", "check", root, "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert {part["dataset"] for part in values["parts"]} == {"grefcoco", "muse"}
    assert run("world", "export", "--format", "muse", "--count", "3", "--out", root) == 2
    assert "is there already" in capsys.readouterr().err
    assert run("world", "export", "--format", "grefcoco", "mues", "--out", tmp_path / "other") == 2
    assert "did you mean 'muse'" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_the_sample_trees(shared, capsys):
    assert run("data", "check", shared / "samples" / "trees", "--json") == 1
    values = json.loads(capsys.readouterr().out)
    # Two of these small sets do have a picture in two splits.
    faults = [(fault["kind"], fault["dataset"], fault["split"]) for fault in values["faults"]]
    assert faults == [("in train and test", "muse", "val"), ("in train and test", "refclef", "val")]
    parts = {(part["dataset"], part["split"]): part for part in values["parts"]}
    truth = json.loads((shared / "samples" / "trees" / "TRUTH.json").read_text())["refer_seg"]
    for name, expected in truth.items():
        for split, counts in expected["splits"].items():
            part = parts[name, split]
            assert (part["pictures"], part["samples"]) == (counts["images"], counts["sentences"])
            assert part["empties"] == counts["empty_sentences"]
    # What was split by object shares pictures by design.
    assert {remark["dataset"] for remark in values["remarks"]} == {"refcoco/google", "refcocog/google"}
