"""Each outcome of an input is told for what it is: nothing that merely fails counts as refused."""

import json

import pytest
from PIL import Image

from benchmarks import bad_inputs
from tests.data.datasets.trees import reference, tree

RED = {"top_left": [255, 0, 0]}


def outcome(folder, **case):
    return bad_inputs.outcome(folder, {"path": ".", "reader": "refcoco|unc|val", **case})


def test_without_a_folder_of_cases_it_says_so(tmp_path, capsys):
    for words in ([], [str(tmp_path)], [str(tmp_path / "nowhere")], ["a", "b", "c"]):
        assert bad_inputs.main(words) == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and "cases.json" in said.err


def test_a_picture_is_read_only_with_its_size_and_colours(tmp_path):
    Image.new("RGB", (64, 48), "red").save(tmp_path / "red.png")
    case = {"path": "red.png", "reader": "image", "size": [64, 48], "corners": RED, "tolerance": 2}
    assert outcome(tmp_path, **case) == ("read", "64 x 48 pixels")
    assert outcome(tmp_path, **{**case, "size": [48, 64]})[0] == "wrong"
    assert outcome(tmp_path, **{**case, "corners": {"bottom_right": [250, 0, 0]}})[0] == "wrong"
    assert outcome(tmp_path, path="none.png", reader="image")[0] == "reject"


def test_a_dataset_is_refused_only_if_the_check_says_the_same(tmp_path):
    tree(tmp_path, [reference()])
    assert outcome(tmp_path) == ("read", "6 x 4 pixels, targets of 4")
    assert outcome(tmp_path, target_pixels=5)[0] == "wrong"
    assert outcome(tmp_path, size=[4, 6])[0] == "wrong"
    tree(tmp_path, [reference(said=(" ",))])
    assert outcome(tmp_path)[0] == "reject"
    tree(tmp_path, [reference(said=(" ",)), reference(1, 12, split="train", said=("",))])  # another fault beside it
    assert outcome(tmp_path)[0] == "wrong"
    tree(tmp_path, [reference(), reference(1, 12, split="train", said=("",))])  # a fault in what the case does not read
    assert outcome(tmp_path)[0] == "wrong"


@pytest.mark.parametrize(
    ("path", "kind"), [("whole.png", "read"), (".", "crash"), ("none", "wrong"), ("slow.png", "hang")]
)
def test_what_a_process_ends_in(tmp_path, path, kind, monkeypatch, capsys):
    Image.new("RGB", (64, 48)).save(tree(tmp_path, [reference()]) / "whole.png")
    reader = "image" if path.endswith(".png") else "no_such_dataset"
    (tmp_path / "cases.json").write_text(json.dumps([{"path": path, "reader": reader, "expect": "read"}]))
    if kind == "hang":
        monkeypatch.setattr(bad_inputs, "SECONDS", 0.01)
    assert bad_inputs.main([str(tmp_path)]) == (0 if kind == "read" else 1)
    line, last = capsys.readouterr().out.splitlines()
    assert line.split()[:2] == [path, kind] and last.startswith(f"{int(kind == 'read')} of 1")
    assert ("UNEXPECTED" in line) == (kind != "read")


def test_memory_is_limited(tmp_path, monkeypatch):
    assert bad_inputs.MEMORY <= 4_000_000_000  # what the samples' README asks for
    Image.new("RGB", (64, 48)).save(tmp_path / "whole.png")
    (tmp_path / "cases.json").write_text(json.dumps([{"path": "whole.png", "reader": "image", "expect": "read"}]))
    limits = []
    monkeypatch.setattr(bad_inputs.resource, "setrlimit", lambda what, how: limits.append((what, how)))
    bad_inputs.main([str(tmp_path), "whole.png"])
    assert limits == [(bad_inputs.resource.RLIMIT_AS, (bad_inputs.MEMORY, bad_inputs.MEMORY))]
