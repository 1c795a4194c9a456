import os

import pytest

from app import places


@pytest.fixture
def roots(tmp_path, monkeypatch):
    (tmp_path / "data/trees/one").mkdir(parents=True)
    (tmp_path / "data/trees/one/results.json").touch()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").touch()
    (tmp_path / "data/out").symlink_to(tmp_path / "secret")
    (tmp_path / "data/round").symlink_to(tmp_path / "data/round")
    monkeypatch.setenv(places.ROOTS, str(tmp_path / "data"))
    return places.roots()


def test_the_owner_names_the_folders(tmp_path, monkeypatch, roots):
    assert roots == (tmp_path / "data",)
    assert places.joined([tmp_path / "data", tmp_path / "secret"]) == f"{tmp_path}/data{os.pathsep}{tmp_path}/secret"
    with pytest.raises(ValueError, match="no such folder"):
        places.joined([tmp_path / "gone"])
    (tmp_path / "a:b").mkdir()
    with pytest.raises(ValueError, match="rename it"):
        places.joined([tmp_path / "a:b"])
    monkeypatch.delenv(places.ROOTS)
    assert places.roots() == ()
    with pytest.raises(ValueError, match="named no folder"):
        places.allowed("trees", ())


def test_a_path_below_a_root_is_read_however_it_is_typed(tmp_path, roots):
    for typed in ("trees/one", f"{tmp_path}/data/trees/one", " trees/../trees/one/ "):
        assert places.allowed(typed, roots) == tmp_path / "data/trees/one"
    assert places.allowed("", roots) == tmp_path / "data"


@pytest.mark.parametrize(
    "typed",
    ["..", "../secret", "/etc/passwd", "/", "out", "out/key", "round", "gone", "a\0b", "x" * 5000, "~", "trees/../.."],
)
def test_nothing_else_is_and_the_words_do_not_tell_whether_it_is_there(roots, typed):
    with pytest.raises(ValueError, match="there is no such place under the folders"):
        places.allowed(typed, roots)


def test_folders_that_hold_a_file_are_found_without_following_links(tmp_path, roots):
    assert places.holding({"results.json", "key"}, roots) == [tmp_path / "data/trees/one"]
    assert places.shown(tmp_path / "data/trees/one", roots) == "data/trees/one"
    assert places.shown(tmp_path / "secret", roots) == "secret"


def test_folders_of_one_name_are_told_apart(tmp_path):
    among = [tmp_path / "a" / "trees", tmp_path / "b" / "trees", tmp_path / "c"]
    assert list(places.named(among)) == ["a/trees", "b/trees", "c"]
