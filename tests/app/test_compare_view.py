"""The view that compares, with engines by rule; and the ask that it makes of the real one."""

import threading
import time

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.engine import Engine
from app.places import ROOTS
from app.session import Session
from app.setup import Setup
from app.views import VIEWS, compare
from model.answer import Answer
from model.placement import Placement
from tests.app.shown import written
from tests.eval.board import segment


class Rule:
    """Finds a cup, whose size says which model it is; remembers what was made and asked."""

    made: list = []  # noqa: RUF012

    def __init__(self, checkpoint, placement, layer=None):
        if "broken" in str(checkpoint):
            raise ValueError(f"{checkpoint}: config.json is damaged")
        self.layer, self.asked = layer, []
        self.made.append((checkpoint.name, placement, layer))
        self.size = 20 if layer is None else 10

    def ask(self, image, question, history, on_text=None, on_place=None):
        self.asked.append((image.shape, question, list(history)))
        if "break" in question:
            raise ValueError("the model failed on this question; ask another one")
        mask = np.zeros(image.shape[:2], bool)
        mask[10 : 10 + self.size, 10:30] = True
        found = (segment("the <b>cup</b>", mask), segment("the lamp", None, size=mask.shape))
        return Answer(question, "The <b>cup</b> <SEG>, the lamp <REJ>.", found, {"read": 0.25, "total": self.size / 10})


def page():
    from pathlib import Path

    from app.views import compare
    from model.placement import Placement
    from tests.app.test_compare_view import Rule

    compare.show(Rule(Path("first"), Placement()))


@pytest.fixture
def at(monkeypatch, tmp_path):
    monkeypatch.setattr(compare, "Engine", Rule)
    for name in ("mine", "other", "broken"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    monkeypatch.setenv("PINPOINT_CHECKPOINT", str(tmp_path / "mine"))
    monkeypatch.delenv("PINPOINT_PLACEMENT", raising=False)
    compare.second.clear()
    Rule.made.clear()
    yield AppTest.from_function(page, default_timeout=60).run()
    compare.second.clear()


def asks(at, question="Where is the cup?"):
    at.text_input(key="compare-question").set_value(question)
    return at.button[0].click().run()


def test_it_is_a_view_of_the_page():
    assert "compare" in VIEWS.available()
    assert compare.TITLE and compare.ICON.startswith(":material/")


def test_the_checkpoints_beside_the_first_and_those_that_ship_can_be_chosen(at):
    assert not at.exception
    names = at.selectbox(key="compare-checkpoint").options
    assert {"broken", "mine", "other", "tiny", compare.OTHER} <= set(names)
    assert at.selectbox(key="compare-checkpoint").value.endswith("/mine")


def test_another_use_of_the_layers_is_compared_side_by_side_with_times(at):
    at.selectbox(key="compare-layer").set_value("last")
    asks(at)
    assert not at.exception
    assert Rule.made[-1] == ("mine", Placement(), "last")
    text = written(at)
    assert "First: mine" in text and "Second: mine, last" in text
    assert "IoU 0.50" in text and "both say that it is not here" in text
    assert "0.250 s" in text and "2.000 s" in text and "1.000 s" in text and "reads the picture" in text
    assert "width:100%" in text and "width:50%" in text and "width:12%" in text
    assert "<b>cup" not in text and "&lt;b&gt;cup&lt;/b&gt;" in text
    assert len(at.image) == 3


def test_another_checkpoint_is_read_once_and_one_is_kept(at):
    at.selectbox(key="compare-checkpoint").set_value(next(p for p in folders(at) if p.endswith("/other")))
    asks(at)
    asks(at, "And the lamp?")
    assert [name for name, _, _ in Rule.made if name == "other"] == ["other"]
    at.selectbox(key="compare-layer").set_value("best")
    asks(at)
    at.selectbox(key="compare-layer").set_value(compare.OWN)
    asks(at)
    assert [name for name, _, _ in Rule.made if name == "other"] == ["other"] * 3  # it had been let go


def folders(at):
    first = at.selectbox(key="compare-checkpoint").value
    return [f"{first.rpartition('/')[0]}/{name}" for name in ("mine", "other", "broken")]


@pytest.mark.parametrize(
    ("folder", "question", "says"),
    [
        ("/nowhere/at/all", "?", "There is no checkpoint at /nowhere/at/all"),
        ("<script>alert(1)</script>", "?", "&lt;script&gt;"),
        ("a\0b", "?", "There is no checkpoint"),
        ("x" * 4000, "?", "There is no checkpoint"),
        ("~/../..", "?", "There is no checkpoint"),
        ("", "  ", "The question is empty"),
        ("", "break", "The first model: the model failed"),
    ],
)
def test_what_is_wrong_is_one_plain_line_and_the_next_one_works(at, folder, question, says):
    at.text_input(key="compare-folder").set_value(folder)
    asks(at, question)
    assert not at.exception and says in written(at) and "<script>" not in written(at)
    at.text_input(key="compare-folder").set_value("")
    asks(at)
    assert not at.exception and "IoU 1.00" in written(at)


def test_only_what_lies_under_a_root_can_be_typed(at, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "config.json").touch()
    at.text_input(key="compare-folder").set_value(str(elsewhere))
    asks(at)
    assert "There is no checkpoint" in written(at) and all(name != elsewhere.name for name, _, _ in Rule.made)
    monkeypatch.setenv(ROOTS, str(elsewhere.parent))
    asks(at)
    assert not at.exception and "IoU 1.00" in written(at) and Rule.made[-1][0] == elsewhere.name


def test_a_damaged_checkpoint_is_one_plain_line(at):
    at.text_input(key="compare-folder").set_value(folders(at)[2])
    asks(at)
    assert not at.exception and "The second model cannot be read" in written(at) and "damaged" in written(at)


def test_other_without_a_name_asks_for_one(at):
    at.selectbox(key="compare-checkpoint").set_value(compare.OTHER)
    asks(at)
    assert "name its folder" in written(at)


def test_the_picture_of_the_conversation_is_the_one_compared(at):
    session = Session()
    session.show(np.full((33, 44, 3), 7, np.uint8), "mine.png")
    at.session_state["session"] = session
    at.run()
    assert at.selectbox(key="compare-picture").options[0] == "The picture of the conversation"
    at.selectbox(key="compare-picture").set_value("The picture of the conversation")
    asks(at)
    assert not at.exception
    assert at.session_state["compared"][0].shape == (33, 44, 3)
    assert session.exchanges == []  # the conversation itself is left alone


def test_the_real_engine_takes_a_use_of_layers_and_ends_its_work_when_another_is_chosen(checkpoint):
    st.cache_resource.clear()
    engine = compare.second(Setup(checkpoint, layer="last"))
    assert isinstance(engine, Engine)
    answer = engine.ask(np.zeros((40, 40, 3), np.uint8), "Where is the cup?", [])
    assert answer.timings["total"] > 0
    said = []
    asker = threading.Thread(target=lambda: said.append(engine.ask(np.ones((40, 40, 3), np.uint8), "The lamp?", [])))
    asker.start()
    compare.second.clear()  # as another person's choice does, while this one waits
    asker.join(60)
    assert said[0].stop != "cancelled" and said[0].timings["total"] > 0
    assert engine.ask(np.zeros((40, 40, 3), np.uint8), "Where is the cup?", []).stop != "cancelled"
    ended = time.monotonic() + 10
    while engine._line._thread is not None and time.monotonic() < ended:
        time.sleep(0.01)
    assert engine._line._thread is None  # it does not linger, and holds no model
