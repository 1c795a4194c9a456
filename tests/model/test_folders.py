import os
from pathlib import Path

import pytest

from model import folders


def test_what_a_killed_save_left_is_swept_and_nothing_else(tmp_path):
    for name in ("model", ".model-abcd1234", ".model-old", ".other-old", "model-2"):
        (tmp_path / name).mkdir()
    folders.sweep(tmp_path / "model")
    assert {path.name for path in tmp_path.iterdir()} == {"model", ".other-old", "model-2"}


def test_an_old_folder_whose_place_was_not_taken_comes_back(tmp_path):
    (tmp_path / ".model-old").mkdir()
    (tmp_path / ".model-old" / "config.json").touch()
    folders.sweep(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"] and (tmp_path / "model" / "config.json").is_file()


@pytest.fixture
def order(monkeypatch):
    """What was brought to the disk, and what was given its name, in this order."""
    seen, flush, rename = [], os.fsync, Path.rename
    monkeypatch.setattr(os, "fsync", lambda file: (seen.append(Path(f"/proc/self/fd/{file}").readlink()), flush(file)))
    monkeypatch.setattr(Path, "rename", lambda path, to: (seen.append(f"to {to.name}"), rename(path, to))[1])
    return seen


def test_a_folder_is_on_the_disk_before_it_has_its_name_and_the_name_before_it_is_done(tmp_path, order):
    made = tmp_path / "made"
    (made / "inner").mkdir(parents=True)
    (made / "inner" / "weights").write_text("1")
    folders.put(tmp_path / "model", made)
    at = order.index("to model")
    assert {*order[:at]} == {made, made / "inner", made / "inner" / "weights"} and order[at + 1 :] == [tmp_path]
