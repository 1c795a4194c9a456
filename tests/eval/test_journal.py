import json

import pytest

from eval import journal
from eval.journal import Reader, Writer


def line(name, iou=0.5, image="a.jpg"):
    return json.dumps({"id": name, "image": image, "truth": {"targets": [1]}, "iou": iou}) + "\n"


def written(folder, rank, *blocks):
    with Writer(folder, rank) as made:
        for number, names in blocks:
            made.begin(number)
            made.add([line(name) for name in names])
            made.done(number, [(0.25, 0.75)], 1.5)


def read(folder):
    made = Reader(folder)
    made.poll()
    return made


def ids(folder):
    return [json.loads(one)["id"] for one in read(folder).lines()]


def test_whole_blocks_are_read_in_the_order_of_the_ids(tmp_path):
    written(tmp_path, 0, (0, ["c", "a"]), (2, ["e"]))
    written(tmp_path, 1, (1, ["d", "b"]))
    made = read(tmp_path)
    assert sorted(made.blocks) == [0, 1, 2]
    assert made.clicks[2] == [(0.25, 0.75)]
    assert (made.seconds, made.giou, len(made.asked)) == (4.5, 0.5, 5)
    assert ids(tmp_path) == ["a", "b", "c", "d", "e"]


def test_at_whatever_byte_it_is_cut_off_the_rest_is_right(tmp_path):
    written(tmp_path, 0, (0, ["a", "b"]), (1, ["c"]))
    path = tmp_path / "journal-0.jsonl"
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        left = [block for block in ((0, ["a", "b"]), (1, ["c"])) if block[0] not in read(tmp_path).blocks]
        written(tmp_path, 0, *left)
        assert ids(tmp_path) == ["a", "b", "c"], size


def test_a_block_that_two_runs_have_finished_counts_once(tmp_path):
    written(tmp_path, 0, (0, ["a"]), (1, ["b"]))
    written(tmp_path, 1, (1, ["b"]))
    assert ids(tmp_path) == ["a", "b"]


def test_an_id_in_two_blocks_is_refused(tmp_path):
    written(tmp_path, 0, (0, ["a"]), (1, ["a"]))
    with pytest.raises(ValueError, match="two questions have the id a"):
        ids(tmp_path)


def test_what_is_added_is_seen_at_the_next_look(tmp_path):
    reader = Reader(tmp_path)
    with Writer(tmp_path, 0) as made:
        made.begin(0)
        made.add([line("a", 1.0, "x")])
        reader.poll()
        assert (reader.giou, reader.images, reader.blocks) == (1.0, {"x"}, {})
        made.add([line("b", 0.0, "y")])
        made.done(0, [], 1.0)
        reader.poll()
    assert (reader.giou, reader.images, list(reader.blocks)) == (0.5, {"x", "y"}, [0])


def test_two_processes_do_not_write_one_journal(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "PATIENCE", 0.0)
    with Writer(tmp_path, 0), pytest.raises(ValueError, match="another evaluation is at work"):
        Writer(tmp_path, 0)
    Writer(tmp_path, 0).__exit__()


def test_another_evaluation_in_the_same_folder_is_refused(tmp_path):
    run = {"benchmark": "world", "split": "val", "pictures": None}
    journal.begin(tmp_path / "out", run)
    journal.begin(tmp_path / "out", dict(run))
    with pytest.raises(ValueError, match='unfinished evaluation whose split is "val", and here it is "test"'):
        journal.begin(tmp_path / "out", {**run, "split": "test"})
    with pytest.raises(ValueError, match="whose pictures is not given, and here it is 9"):
        journal.begin(tmp_path / "out", {**run, "pictures": 9})
    (tmp_path / "out" / journal.HEADER).write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        journal.begin(tmp_path / "out", run)


def test_journals_go_when_they_are_not_needed(tmp_path):
    journal.begin(tmp_path, {})
    written(tmp_path, 3, (0, ["a"]))
    journal.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
