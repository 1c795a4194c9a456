"""Why a mask is where it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from app import why
from app.session import Exchange, Session
from data.geometry import Frame
from model.answer import Answer
from model.prompting.base import SegPrompts
from tests.app.rule import LAYERS, Rule
from tests.app.test_page import page, written  # noqa: F401

IMAGE = np.full((90, 120, 3), 128, np.uint8)


def answered():
    return Rule("x", None).ask(IMAGE, "two?", [])


def test_a_map_lies_where_the_model_looked_whatever_the_size_of_the_picture():
    grid = np.zeros((4, 4), np.float32)
    grid[1, 2] = 1
    for size in ((400, 400), (4000, 4000)):
        heat = why.placed(Frame.letterbox(size, 4), grid, size, longest=200)
        assert heat.shape == (200, 200)
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        assert abs(y - 75) <= 1 and abs(x - 125) <= 1  # the middle of the cell
    wide = why.placed(Frame.letterbox((100, 200), 4), grid, (100, 200), longest=400)
    assert wide.shape == (200, 400)
    assert abs(np.unravel_index(wide.argmax(), wide.shape)[1] - 250) <= 1


def test_heat_keeps_the_picture_below_and_bears_odd_numbers():
    heat = np.array([[0.0, 1.0], [np.nan, 7.0]])
    drawn = why.heated(IMAGE, heat)
    assert drawn.shape == (2, 2, 3)
    assert drawn[0, 0].tolist() == [round(0.4 * 128 + 0.6 * part) for part in (0, 34, 78)] == drawn[1, 0].tolist()
    assert drawn[0, 1].tolist() == [round(0.4 * 128 + 0.6 * part) for part in (254, 232, 56)] == drawn[1, 1].tolist()


def test_points_that_say_nothing_are_left_out():
    prompts = SegPrompts(points=torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]), labels=torch.tensor([[1, -1, 0]]))
    assert why.points(prompts) == [(1.0, 2.0, True), (5.0, 6.0, False)]
    assert why.points(SegPrompts()) == []


def test_the_facts_are_in_numbers_and_safe():
    segments = answered().segments
    text = why.facts(segments[0])
    assert "0.90" in text and "3 (100%)" in text and "1 inside, 1 outside" in text and "40.0%" in text
    assert "none: it was not drawn" in why.facts(segments[1])


@pytest.fixture
def at(page):  # noqa: F811
    found = page.run()
    found.chat_input[0].set_value("two?").run()
    found.toggle(key="why").set_value(True).run()
    assert not found.exception
    return found


def test_the_panel_shows_the_layer_used_and_any_other(at):
    assert "similarity map of layer 3" in written(at)
    at.select_slider[0].set_value(1).run()
    assert not at.exception and "similarity map of layer 1" in written(at)
    assert len(at.select_slider[0].options) == LAYERS
    assert "900 pixels" in written(at)


def test_thresholds_move_the_mask_which_can_be_kept_and_undone(at):
    session = at.session_state.session
    at.toggle(key="why-own-1-0-0").set_value(True).run()
    at.slider(key="why-positive-1-0-0").set_value(0.5).run()
    assert not at.exception and "2,500 pixels" in written(at) and "it was 900 pixels" in written(at)
    assert session.segments()[0].mask.sum() == 900
    at.button(key="why-keep-0").click().run()
    assert not at.exception and session.segments()[0].mask.sum() == 2500
    assert session.undo(0) and session.segments()[0].mask.sum() == 900


def test_a_rejected_thing_has_a_map_too(at):
    at.selectbox[0].set_value(1).run()
    assert not at.exception and "there is no mask" in " ".join(one.value for one in at.caption)
    assert "similarity map" in written(at)


def test_another_picture_has_nothing_to_explain(at):
    at.button(key="scene-1").click().run()
    assert not at.exception and not at.select_slider


def test_what_cannot_be_looked_into_is_a_plain_line(at, monkeypatch):
    def fails(*_, **__):
        raise ValueError("the memory is full <b>")

    monkeypatch.setattr(Rule, "reground", fails)
    at.toggle(key="why-other-1-0-0").set_value(True).run()
    assert not at.exception and "memory is full &lt;b&gt;" in written(at)
    monkeypatch.setattr(Rule, "layer_maps", fails)
    at.selectbox[0].set_value(2).run()
    assert not at.exception and "memory is full" in written(at) and not at.select_slider


def test_a_conversation_that_is_gone_leaves_no_panel():
    session = Session(image=IMAGE)
    session.exchanges = [Exchange("?", Answer("?", "x", ()))]
    assert session.segments() == ()


def spoken(rejected: bool = False):
    one = answered().segments[0]
    prompts = replace(one.evidence.prompts, boxes=torch.tensor([[9.5, 19.5, 49.5, 59.5]]))
    return replace(one, span=(0, 5), rejected=rejected, evidence=replace(one.evidence, prompts=prompts))


def test_a_box_that_was_written_is_drawn_where_it_lies():
    image = np.full((768, 768, 3), 128, np.uint8)  # as large as it is shown
    drawn = why.pointed(image, spoken())
    changed = (drawn != 128).any(axis=2)
    assert changed[20:60, 10].all() and changed[20, 10:50].all() and changed[60, 10:50].all()
    assert not changed[30:40, 30:40].any() and not changed[:, 200:].any()
    assert not (why.pointed(image, spoken(rejected=True)) != 128).any(axis=2)[30:55, 10].any()


def test_the_facts_of_coordinates_are_those_that_were_written():
    text = why.facts(spoken())
    assert "9.5, 19.5, 49.5, 59.5" in text and "(20.0, 20.0), (50.0, 50.0)" in text and "Layers" not in text
    assert "bottom)</dt><dd>none" in why.facts(spoken(rejected=True))


def test_the_panel_of_coordinates_has_no_layers(at, monkeypatch):
    inner = Rule.ask

    def ask(self, *arguments, **more):
        answer = inner(self, *arguments, **more)
        spans = ((0, 20), (20, 40), (40, 46))
        pairs = zip(answer.segments, spans, strict=False)
        return replace(answer, segments=tuple(replace(one, span=span) for one, span in pairs))

    monkeypatch.setattr(Rule, "ask", ask)
    at.chat_input[0].set_value("two again?").run()
    said = " ".join(one.value for one in at.get("html") if hasattr(one, "value")) or str(at)
    assert not at.exception and not [one for one in at.select_slider if one.key and one.key.startswith("why-layer")]
    assert "that the model wrote" in said
