import numpy as np
import pytest
from PIL import Image

from app import pictured
from data.world.world import World
from tests.data.datasets.toybox import Toybox


@pytest.fixture
def folder(tmp_path):
    for n, name in enumerate(("a.png", "deep/b.png", "deep/c.png", "other/c.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4 + n, 4)).save(tmp_path / name)
    return tmp_path


def test_pictures_handed_in_are_found_by_their_names(folder):
    load = pictured.handed_in(folder, ["a.png", "deep/b.png", "deep/c.png", "other/c.png"])
    assert load("a.png").shape == (4, 4, 3) and load("deep/b.png").shape == (4, 5, 3)
    assert load("elsewhere/b.png").shape == (4, 5, 3)  # the only one of that name
    assert load("elsewhere/c.png") is None and load("../a.pn") is None


def test_a_scene_is_drawn_anew():
    assert np.array_equal(pictured.drawn_anew("val-000003"), World("val", 4).sample(3).load())
    for name in ("val-3", "nowhere-000003", "../val-000003", ""):
        assert pictured.drawn_anew(name) is None


def test_what_was_asked_of_files_is_shown_only_from_under_a_root(folder):
    values = {"input": str(folder), "question": "Where?"}
    load, line = pictured.of_values(values, None, [folder])
    assert load("deep/b.png").shape == (4, 5, 3) and line == ""
    for among in ([], [folder / "deep"]):
        load, line = pictured.of_values(values, None, among)
        assert load("deep/b.png") is None and "not at hand" in line


@pytest.mark.parametrize("values", [{"benchmark": 3}, {"benchmark": "no"}, {"benchmark": "refcoco", "split": []}])
def test_odd_results_have_no_pictures(values, tmp_path):
    Toybox(tmp_path)
    load, line = pictured.of_values(values, None, [tmp_path])
    assert load("a") is None and "not at hand" in line


def test_a_benchmark_in_an_allowed_tree_has_its_pictures(shared):
    root = shared / "samples/trees"
    load, line = pictured.of_values({"benchmark": "ReasonSeg", "split": "val"}, None, [root])
    name = sorted(path.name for path in (root / "reason_seg/ReasonSeg/val").glob("*.jpg"))[0]
    assert line == "" and load(f"reason_seg/ReasonSeg/val/{name}").ndim == 3


def test_the_first_source_that_has_it_gives_the_picture():
    one = np.zeros((1, 1, 3), np.uint8)
    load = pictured.first(None, lambda name: None, lambda name: one if name == "a" else None)
    assert load("a") is one and load("b") is None
