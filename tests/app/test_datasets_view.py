"""The view of datasets."""

import pytest
from streamlit.testing.v1 import AppTest

from app import places
from tests.app.shown import written
from tests.data.datasets.toybox import SQUARE


def script():
    from app.views import datasets

    datasets.show(None)


@pytest.fixture
def page(monkeypatch):
    def opened(*roots):
        monkeypatch.setenv(places.ROOTS, ":".join(map(str, roots)))
        at = AppTest.from_function(script, default_timeout=60).run()
        assert not at.exception
        return at

    return opened


def test_without_a_root_it_says_how_one_is_named(page):
    assert "pinpoint app --root DIR" in written(page())


def test_a_tree_is_browsed_sample_by_sample(page, toys):
    toys.add(text="<i>red</i> square")
    toys.add(polygons=None, text="lamp")
    toys.add(split="val", text="other")
    at = page(toys.root)
    text = written(at)
    assert "2 pictures · 2 samples (2 phrase) · 1 mask · 1 asked for that are not there" in text
    assert "&lt;i&gt;red&lt;/i&gt; square" in text and "<i>" not in text and "100 pixels" in text
    at.number_input(key="data_row").set_value(2).run()
    assert "lamp <small>not here</small>" in written(at)
    at.selectbox(key="data_split").set_value("val").run()
    assert "1 picture " in written(at) and "other" in written(at) and not at.exception


def test_samples_are_found_by_id_and_text(page, toys):
    for text in ("red square", "green lamp", "blue lamp"):
        toys.add(text=text)
    at = page(toys.root)
    at.text_input(key="data_text").set_value("LAMP").run()
    assert "toys/train/1" in written(at) and "toys/train/0" not in written(at)
    at.text_input(key="data_text").set_value("toys/train/2").run()
    assert "blue lamp" in written(at) and "green lamp" not in written(at)
    at.text_input(key="data_text").set_value("none").run()
    assert "No sample fits." in written(at) and not at.exception


def test_what_is_wrong_is_said_and_the_rest_is_shown(page, toys):
    toys.add(text="fine")
    toys.add(polygons=(SQUARE[:3],))
    toys.add().unlink()
    at = page(toys.root)
    text = written(at)
    assert "2 pictures with something wrong" in text and "a polygon has 3 numbers" in text and "fine" in text
    assert str(toys.root) not in text
    at.number_input(key="data_wrong").set_value(2).run()
    assert "there is no such file" in written(at) and not at.exception
    at.button(key="data_check").click().run()
    assert "toys: 2 faults" in written(at) and "mend the annotation" in written(at) and not at.exception


def test_a_split_that_cannot_be_read_is_one_plain_line(page, toys):
    toys.add(split="a")
    toys.add(split="b", text="fine")
    (toys.root / "toys/toys/a.json").write_text("[")
    at = page(toys.root)
    assert "toys/toys/a.json: is no whole JSON" in written(at)
    at.selectbox(key="data_split").set_value("b").run()
    assert "fine" in written(at) and not at.exception


@pytest.mark.parametrize("typed", ["..", "/etc", "gone", "link"])
def test_no_folder_outside_is_looked_into(page, toys, tmp_path, typed):
    toys.add()
    (tmp_path / "secret").mkdir()
    (toys.root / "link").symlink_to(tmp_path / "secret")
    at = page(toys.root)
    at.text_input(key="data_below").set_value(typed).run()
    assert "no such place under the folders" in written(at) and not at.exception


@pytest.mark.parametrize(
    "name", ["pickle_exec", "polygon_nan", "reason_deep", "label_colour", "size_disagrees", "image_truncated"]
)
def test_bad_trees_are_plain_messages(page, shared, name):
    at = page(shared / "samples/bad" / name)
    text = written(at)
    assert "role='alert'" in text and "Traceback" not in text
