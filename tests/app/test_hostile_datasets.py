"""What wants to break the view of datasets."""

import pytest
from streamlit.testing.v1 import AppTest

from app import places
from tests.app.hostile import BAD, TEXTS, alive


def script():
    from app.views import datasets

    datasets.show(None)


def browsed(monkeypatch, root):
    monkeypatch.setenv(places.ROOTS, str(root))
    return AppTest.from_function(script, default_timeout=60).run()


@pytest.mark.parametrize("text", [text for text in TEXTS if text.strip()][:18])
def test_words_of_a_dataset_are_words(monkeypatch, toys, text):
    toys.add(text=text, id=text)
    alive(browsed(monkeypatch, toys.root))


@pytest.mark.parametrize("typed", ["../..", "/etc/passwd", "/", "~", "a\0b", "x" * 9000, TEXTS[0], TEXTS[7]])
def test_a_folder_elsewhere_is_not_shown(monkeypatch, toys, typed):
    toys.add()
    at = browsed(monkeypatch, toys.root)
    at.text_input(key="data_below").set_value(typed).run()
    assert "there is no such place" in alive(at)
    at.text_input(key="data_below").set_value("").run()
    assert "1 picture" in alive(at)


TREES = sorted(one.name for one in BAD.iterdir() if one.is_dir() and one.name != "images") if BAD.is_dir() else []


@pytest.mark.skipif(not TREES, reason="no bad trees beside the checkout")
@pytest.mark.parametrize("name", TREES)
def test_a_bad_tree_is_shown_with_what_is_wrong(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    root = BAD / name / "root" if (BAD / name / "root").is_dir() else BAD / name
    alive(browsed(monkeypatch, root))
    assert not (tmp_path / "PWNED").exists()
