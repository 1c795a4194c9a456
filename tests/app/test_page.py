"""The page's logic, with an engine that answers by rule."""

import base64

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import app.engine
from app import gallery, panels, remote
from app.session import Exchange, Session
from model.answer import Answer
from model.placement import Placement
from tests.app.pictures import red
from tests.app.rule import Rule
from tests.app.shown import PAGE, written
from tests.eval.board import segment


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(app.engine, "Engine", Rule)
    st.cache_resource.clear()
    monkeypatch.setenv("PINPOINT_CHECKPOINT", "by rule")
    return AppTest.from_file(PAGE, default_timeout=60)


def test_a_question_gets_words_colours_a_rejection_and_the_time(page):
    at = page.run()
    assert not at.exception
    at.chat_input[0].set_value("Where is the red cup?").run()
    assert not at.exception
    assert Rule.asked == [("Where is the red cup?", [])]
    text = written(at)
    assert "The red cup" in text and "0.2 s" in text
    answer = at.session_state.session.last()
    assert [(one.phrase, one.rejected) for one in answer.segments] == [
        ("the red cup", False),
        ("the <b>lamp</b>", True),
    ]
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
    assert "The red cup" in written(at)


def test_an_upload_is_shown_and_a_bad_one_says_why(page, tmp_path):
    at = page.run()
    at.file_uploader[0].upload("mine.png", red(60, 40), "image/png").run()
    assert not at.exception
    assert at.session_state.session.image.shape == (40, 60, 3)
    at.file_uploader[0].upload("bad.png", b"<html>", "image/png").run()
    assert not at.exception
    problem = at.session_state.session.problem
    assert "bad.png" in problem and "not a picture" in problem
    assert at.session_state.session.name == "mine.png"


def test_the_model_is_placed_as_the_page_was_told(page, monkeypatch):
    monkeypatch.setenv("PINPOINT_PLACEMENT", '{"device": "cpu", "bits": 8}')
    assert not page.run().exception
    assert Rule.placements[-1] == Placement(device="cpu", bits=8)


def test_a_missing_checkpoint_is_one_plain_message(page, monkeypatch):
    monkeypatch.setenv("PINPOINT_CHECKPOINT", "nowhere")
    at = page.run()
    assert not at.exception and "no checkpoint at nowhere" in written(at)


def test_painted_colours_each_phrase_as_its_mask():
    full = np.ones((4, 4), bool)
    answer = Answer("?", "The cup <SEG> and the key <SEG>.", (segment("the cup", full), segment("the key", full)))
    made = panels.painted(Exchange("?", answer))
    assert made.index("230, 159, 0") < made.index("The cup") < made.index("86, 180, 233") < made.index("the key")
    assert made.endswith(".")


def test_why_something_was_rejected_is_the_sentence_that_says_so():
    full = np.ones((4, 4), bool)
    text = "Here is the cup <SEG>. I see no lamp <REJ>, only a key <SEG>. Fine!"
    segments = (segment("the cup", full), segment("lamp", None, size=(4, 4)), segment("a key", full))
    first, second, third = panels.reasons(Answer("?", text, segments))
    assert first == third == "" and second.endswith("“I see no lamp, only a key.”")


@pytest.mark.parametrize(
    "text", ["**a** _b_ `c`", ":red[x] :smile: $x^2$", "[a](http://b) ![i](j)", "# h\n- l", "<b>1. x"]
)
def test_plain_text_has_no_signs_of_markdown_left(text):
    made = panels.plain(text)
    bare = "".join(made[n + 1] if sign == "\\" else "" for n, sign in enumerate(made[:-1]))
    assert "\n" not in made
    for sign in "*_`:$[]()!<>#":
        assert made.count(sign) == bare.count(sign)


def test_the_last_question_is_asked_again_and_an_edited_one_takes_the_turns_after_it(page):
    at = page.run()
    for question in ("one?", "two?", "three?"):
        at.chat_input[0].set_value(question).run()
    at.button(key="again-2").click().run()
    assert [row.question for row in at.session_state.session.exchanges] == ["one?", "two?", "three?"]
    assert [question for question, _ in Rule.asked] == ["one?", "two?", "three?", "three?"]
    assert len(Rule.asked[-1][1]) == 2
    at.button(key="edit-1").click().run()
    at.text_area(key="text-1").set_value("deux?")
    next(one for one in at.button if one.label == "Ask").click().run()
    assert not at.exception
    assert [row.question for row in at.session_state.session.exchanges] == ["one?", "deux?"]
    assert [question for question, _ in Rule.asked[-1][1]] == ["one?"]


def test_an_earlier_answer_can_be_shown_again(page):
    at = page.run()
    for question in ("one?", "two?"):
        at.chat_input[0].set_value(question).run()
    session = at.session_state.session
    assert session.shown() == 1
    at.button(key="show-0").click().run()
    assert session.shown() == 0 and not at.exception
    at.chat_input[0].set_value("three?").run()
    assert session.shown() == 2


def test_a_picture_is_fetched_by_its_address_and_a_private_one_is_refused(page, monkeypatch):
    at = page.run()

    def fetch(address):
        at.text_input(key="address-of").set_value(address)
        next(one for one in at.button if one.label == "Fetch").click().run()
        assert not at.exception
        return at.session_state.session

    session = fetch("http://127.0.0.1:8080/<b>.png")
    assert "not asked" in session.problem and "not asked" in written(at) and session.name == "Scene 1"
    found = remote.Fetched(np.zeros((5, 6, 3), np.uint8), "a.png")
    monkeypatch.setattr(remote, "fetch", lambda address: found)
    session = fetch("https://pictures.example/a.png")
    assert session.name == "a.png" and session.image is found.image and session.problem is None


def test_a_pasted_picture_is_shown_and_a_bad_one_says_why():
    session = Session()
    gallery.take(session, {"name": "clip.png", "content": base64.b64encode(red(60, 40)).decode()})
    assert session.image.shape == (40, 60, 3) and session.name == "clip.png" and session.problem is None
    for bad in (None, {}, {"content": 3}, {"content": "%%%"}, {"name": "x", "content": "aGVsbG8="}):
        gallery.take(session, bad)
        assert session.problem and session.name == "clip.png"


def test_a_session_forgets_the_conversation_with_the_picture():
    session = Session()
    session.exchanges.append(Exchange("?", Answer("?", "The cup <SEG>.", ())))
    assert session.history() == [("?", "The cup <SEG>.")]
    session.show(np.zeros((2, 2, 3), np.uint8), "new")
    assert session.history() == [] and session.last() is None
