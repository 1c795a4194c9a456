"""The page's logic, with an engine that answers by rule."""

from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

import app.engine
from app import panels
from app.session import Exchange, Session
from model.answer import Answer, Segment, SegmentEvidence
from model.prompting.base import SegPrompts

PAGE = str(Path(__file__).resolve().parents[2] / "app" / "main.py")


def segment(phrase, mask, rejected=False):
    evidence = SegmentEvidence(np.zeros((2, 2), np.float32), SegPrompts(), torch.zeros(1, 1, 4, 4), "")
    return Segment(phrase, mask, 0.0 if rejected else 0.9, rejected, evidence)


class Rule:
    """Answers every question alike; remembers what it was asked."""

    asked: list = []  # noqa: RUF012

    def __init__(self, checkpoint):
        if "nowhere" in str(checkpoint):
            raise ValueError(f"no checkpoint at {checkpoint}: name a folder")
        self.asked.clear()

    def ask(self, image, question, history, on_text=None):
        self.asked.append((question, list(history)))
        if "break" in question:
            raise ValueError("the model failed on this question; ask it in other words, or another one")
        text = "The red cup <SEG> and the <b>lamp</b> <REJ>."
        assert on_text is None or on_text(text)
        mask = np.zeros(image.shape[:2], bool)
        mask[10:40, 10:40] = True
        found = (segment("the red cup", mask), segment("the <b>lamp</b>", mask & False, rejected=True))
        return Answer(question, text, found, {"total": 0.25})


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(app.engine, "Engine", Rule)
    st.cache_resource.clear()
    monkeypatch.setenv("PINPOINT_CHECKPOINT", "by rule")
    return AppTest.from_file(PAGE, default_timeout=60)


def written(at):
    return " ".join(str(element.proto.body) for element in at.get("html"))


def test_a_question_gets_words_colours_a_rejection_and_the_time(page):
    at = page.run()
    assert not at.exception
    at.chat_input[0].set_value("Where is the red cup?").run()
    assert not at.exception
    assert Rule.asked == [("Where is the red cup?", [])]
    text = written(at)
    assert "the red cup" in text and "not here" in text and "0.2 s" in text
    assert "&lt;SEG&gt;" not in text and "<SEG>" not in text


def test_text_of_the_model_or_a_person_is_never_html(page):
    at = page.run()
    at.chat_input[0].set_value("<script>alert(1)</script> **bold** $x$").run()
    text = written(at)
    assert "<script>" not in text and "<b>lamp" not in text
    assert "&lt;script&gt;" in text and "&lt;b&gt;lamp&lt;/b&gt;" in text


def test_the_second_question_knows_the_first(page):
    at = page.run()
    at.chat_input[0].set_value("one?").run()
    at.chat_input[0].set_value("two?").run()
    assert [question for question, _ in Rule.asked] == ["one?", "two?"]
    assert Rule.asked[1][1][0][0] == "one?"


def test_another_picture_begins_another_conversation(page):
    at = page.run()
    at.chat_input[0].set_value("one?").run()
    at.button(key="scene-2").click().run()
    at.chat_input[0].set_value("two?").run()
    assert Rule.asked[-1] == ("two?", [])


def test_a_suggestion_asks_itself(page):
    at = page.run()
    label = at.button(key="suggestion-0").label
    at.button(key="suggestion-0").click().run()
    assert Rule.asked == [(label, [])]


@pytest.mark.parametrize(
    ("question", "says"), [("  ", "is empty"), ("x" * 10_001, "10001 characters"), ("break", "failed")]
)
def test_what_cannot_be_answered_is_a_message_and_the_next_question_works(page, question, says):
    at = page.run()
    at.chat_input[0].set_value(question).run()
    assert not at.exception and says in written(at)
    at.chat_input[0].set_value("Where is the red cup?").run()
    assert "the red cup" in written(at)


def test_an_upload_is_shown_and_a_bad_one_says_why(page, tmp_path):
    from io import BytesIO

    from PIL import Image

    data = BytesIO()
    Image.new("RGB", (60, 40), "red").save(data, "PNG")
    at = page.run()
    at.file_uploader[0].upload("mine.png", data.getvalue(), "image/png").run()
    assert not at.exception
    assert at.session_state.session.image.shape == (40, 60, 3)
    at.file_uploader[0].upload("bad.png", b"<html>", "image/png").run()
    assert not at.exception and "bad.png" in written(at) and "not a picture" in written(at)
    assert at.session_state.session.name == "mine.png"


def test_a_missing_checkpoint_is_one_plain_message(page, monkeypatch):
    monkeypatch.setenv("PINPOINT_CHECKPOINT", "nowhere")
    at = page.run()
    assert not at.exception and "no checkpoint at nowhere" in written(at)


def test_painted_colours_each_phrase_as_its_mask():
    full = np.ones((4, 4), bool)
    answer = Answer("?", "The cup <SEG> and the key <SEG>.", (segment("the cup", full), segment("the key", full)))
    made = panels.painted(answer)
    assert made.index("230, 159, 0") < made.index("The cup") < made.index("86, 180, 233") < made.index("the key")
    assert made.endswith(".")


def test_enlarging_keeps_masks_on_their_pixels():
    image = np.zeros((64, 128, 3), np.uint8)
    mask = np.zeros((64, 128), bool)
    mask[16:48, 32:96] = True
    big, (smooth,) = panels.enlarge(image, [mask])
    assert big.shape == (384, 768, 3)
    assert abs(smooth.mean() - mask.mean()) < 0.01 and smooth[192, 384] and not smooth[20, 20]


def test_a_session_forgets_the_conversation_with_the_picture():
    session = Session()
    session.exchanges.append(Exchange("?", Answer("?", "The cup <SEG>.", ())))
    assert session.history() == [("?", "The cup <SEG>.")]
    session.show(np.zeros((2, 2, 3), np.uint8), "new")
    assert session.history() == [] and session.last() is None
