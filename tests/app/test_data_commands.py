import json
import pickle

import numpy as np
import pytest
from PIL import Image

from app import data_commands
from data import masks
from data.check import check
from tests.app.commands import refused, run
from tests.data.small import Small, phrase


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


@pytest.mark.parametrize("width", [None, 200, 80])
def test_the_report_fits_the_screen(toys, width):
    toys.add(image="images/shared.png")
    toys.add(split="val", image="images/shared.png")
    for number in range(6):
        toys.add(name=f"others-{number}", image="images/shared.png")
    toys.add(name="others-of-a-long-name").unlink()
    report = check(toys.root, quiet=True)
    lines = data_commands.report_text(report, width).splitlines()
    assert max(len(line) for line in lines) <= (width or 1000)
    assert ("40 x 30" in lines[1]) == (width != 80)
    said = " ".join(" ".join(lines).split())
    assert "images/shared.png: is in train and in val" in said
    assert "toys/val, 1 picture: 1 in others-0/train, 1 in others-1/train, " in said
    assert "1 in others-3/train, and in 2 more (--json); such as shared.png" in said


def test_wrong_arguments_end_in_one_line(toys, capsys):
    toys.add()
    for words in (
        ("data", "check", toys.root / "nowhere"),
        ("data", "check", toys.root, "--dataset", "tosy"),
        ("data", "dump", toys.root, "--dataset", "toys", "--split", "trian"),
        ("data", "show", toys.root, "--dataset", "tosy", "--split", "train", "--out", toys.root / "out"),
    ):
        refused(capsys, *words)


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


@pytest.mark.parametrize(
    ("pictures", "each", "count", "wanted"),
    [
        (5, 1, 2, ["0/0", "2/0"]),  # from all over
        (10, 3, 4, ["0/0", "2/0", "5/0", "7/0"]),  # one of each where pictures are many
        (2, 3, 5, ["0/0", "0/1", "0/2", "1/0", "1/1"]),  # the first give one more where it does not go up
        (2, 1, 8, ["0/0", "1/0"]),  # all that there are
        (3, 4, 3, ["0/0", "1/0", "2/0"]),
    ],
)
def test_what_is_shown_comes_from_all_over(tmp_path, pictures, each, count, wanted):
    asked = lambda index: [phrase(f"{index}/{number}", "cup") for number in range(each)]  # noqa: E731
    shown = list(data_commands._spread(Small(tmp_path, pictures, queries=asked), count))
    assert [query.id.removeprefix("small/train/") for _, query in shown] == wanted
    assert [f"{query.id.split('/')[2]}.png" for _, query in shown] == [picture.name for picture, _ in shown]


def test_export_writes_trees_that_check_finds_whole(tmp_path, capsys):
    root = tmp_path / "root"
    assert run("world", "export", "--format", "grefcoco", "muse", "--count", "3", "--out", root) == 0
    said = capsys.readouterr().out
    assert "wrote grefcoco" in said and "wrote muse" in said and "3 annotation files" in said
    assert run("data", "check", root, "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert {part["dataset"] for part in values["parts"]} == {"grefcoco", "muse"}
    words = ["world", "export", "--count", "3", "--out"]
    assert run(*words, root, "--format", "muse") == 2
    assert "is there already" in capsys.readouterr().err
    assert "did you mean 'muse'" in refused(capsys, *words, tmp_path / "other", "--format", "grefcoco", "mues")
    assert not (tmp_path / "other").exists()
    alone = refused(capsys, *words, tmp_path / "other", "--format", "all", "muse")
    assert "--format all is every format: name it alone" in alone


def test_export_says_of_which_splits_nothing_was_written(tmp_path, capsys):
    assert run("world", "export", "--format", "pascal_part", "--count", "1", "--out", tmp_path) == 0
    said = capsys.readouterr().out
    assert not (tmp_path / "vlpart" / "pascal_part" / "train.json").exists()  # the first scene has no thing with parts
    assert (tmp_path / "vlpart" / "pascal_part" / "val.json").exists()
    assert "1 annotation file\n  nothing of train: pascal_part can hold none" in said and "nothing of val" not in said


SHARED_SPLITS = [("muse", "val"), ("muse", "test_less"), ("refclef", "val")]


def picture_ids(shared, dataset, split):
    """image_ids of a split, from the pickle itself, which is one of our own samples."""
    folder, _, division = dataset.partition("/")
    division = division or ("umd" if folder == "refcocog" else "unc")
    file = shared / "samples" / "trees" / "refer_seg" / folder / f"refs({division}).p"
    return {ref["image_id"] for ref in pickle.loads(file.read_bytes()) if ref["split"] == split}


def test_the_sample_trees(shared, capsys):
    assert run("data", "check", shared / "samples" / "trees", "--json") == 1
    values = json.loads(capsys.readouterr().out)
    # Two of these small sets do have a picture in two splits, one of them twice.
    faults = [(fault["kind"], fault["dataset"], fault["split"]) for fault in values["faults"]]
    assert faults == [("in two splits", name, split) for name, split in SHARED_SPLITS]
    parts = {(part["dataset"], part["split"]): part for part in values["parts"]}
    truth = json.loads((shared / "samples" / "trees" / "TRUTH.json").read_text())["refer_seg"]
    for name, expected in truth.items():
        for split, counts in expected["splits"].items():
            part = parts[name, split]
            assert (part["pictures"], part["samples"]) == (counts["images"], counts["sentences"])
            assert part["empties"] == counts["empty_sentences"]
    # What was split by object shares pictures by design.
    designed = {one["dataset"] for one in values["remarks"] if one["dataset"] == one["other"]}
    assert designed == {"refcoco/google", "refcocog/google"}
    # By ids of the pictures, counted from the files of references.
    pairs = {(one["other"], one["dataset"], one["split"]): one["count"] for one in values["remarks"]}
    for train, held in (("refcoco", "refcocog"), ("refcocog", "refcoco"), ("refcoco+", "refcocog/google")):
        for split in ("val", "test", "testA", "testB"):
            shared_ids = picture_ids(shared, train, "train") & picture_ids(shared, held, split)
            assert pairs.get((train, held, split), 0) == len(shared_ids)
    assert pairs["refcoco", "refcocog", "val"] == 1
