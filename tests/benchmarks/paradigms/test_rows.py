"""The results file."""

from multiprocessing import get_context

import pytest

from benchmarks.paradigms import rows


def add(out, first):
    for seed in range(5):
        rows.add(out, {"name": "all", "seed": first + seed})


def test_rows_of_two_processes_are_all_there(tmp_path):
    context = get_context("fork")
    writers = [context.Process(target=add, args=(tmp_path, first)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(row["seed"] for row in rows.read(tmp_path)) == [*range(5), *range(100, 105)]
    assert rows.find(tmp_path, "all", 103) == {"name": "all", "seed": 103}
    assert rows.find(tmp_path, "mask", 103) is None and rows.find(tmp_path / "other", "all", 0) is None
    assert not list(tmp_path.glob("results.jsonl.*"))


def test_a_lock_is_held_by_one(tmp_path):
    path = tmp_path / "run" / ".lock"
    with rows.locked(path) as first:
        with rows.locked(path) as second:
            assert first and not second
    with rows.locked(path) as again:
        assert again


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / rows.FILE).write_text('{"name": "all", "seed": 0}\n{"na\n')
    with pytest.raises(ValueError, match="line 2: not JSON"):
        rows.read(tmp_path)
