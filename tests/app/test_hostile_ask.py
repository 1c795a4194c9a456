"""What wants to break the view of the conversation; one page outlives it all."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import app.engine
from app import correct, gallery, panels
from app.session import Session
from tests.app import rule
from tests.app.hostile import BAD, NAMES, TEXTS, alive
from tests.app.pictures import red
from tests.app.shown import PAGE, written


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.engine, "Engine", rule.Rule)
        patch.setenv("PINPOINT_CHECKPOINT", "by rule")
        st.cache_resource.clear()
        yield AppTest.from_file(PAGE, default_timeout=60).run()
        st.cache_resource.clear()


@pytest.fixture
def asked(page):
    """The page, with a new conversation."""
    session = page.session_state.session
    session.exchanges.clear()
    session.editing = session.chosen = session.problem = None
    yield page
    page.chat_input[0].set_value("Where is the red cup?").run()
    assert "The red cup" in alive(page)


@pytest.mark.parametrize("text", TEXTS)
def test_a_question_is_words(asked, text):
    asked.chat_input[0].set_value(text).run()
    assert panels.html.escape(text) in alive(asked) and rule.Rule.asked[-1][0] == text


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_a_huge_question_is_refused(asked, size):
    asked.chat_input[0].set_value("<b>" * size).run()
    assert f"{3 * size} characters" in alive(asked) and len(written(asked)) < 400_000


@pytest.mark.parametrize("text", ["", " \n\t ", TEXTS[0], TEXTS[8], "y" * 10_000])
def test_an_edited_question_is_words(asked, text):
    asked.chat_input[0].set_value("one?").run()
    asked.button(key="edit-0").click().run()
    asked.text_area(key="text-0").set_value(text)
    next(one for one in asked.button if one.label == "Ask").click().run()
    said = alive(asked)
    assert len(asked.session_state.session.exchanges) == 1
    assert ("is empty" in said) if not text.strip() else panels.html.escape(text[:999]) in said


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_words(asked, name):
    asked.file_uploader[0].upload(f"{name}.png", red(), "image/png").run()
    asked.chat_input[0].set_value("two?").run()
    alive(asked)
    assert asked.session_state.session.image.shape == (20, 30, 3)


ADDRESSES = [
    "http://127.0.0.1/a.png",
    "http://localhost/a.png",
    "http://[::1]/a.png",
    "http://[::ffff:127.0.0.1]/a.png",
    "http://[64:ff9b::7f00:1]/a.png",
    "http://0.0.0.0/a.png",
    "http://2130706433/a.png",
    "http://0x7f000001/a.png",
    "http://017700000001/",
    "http://127.1/",
    "http://10.0.0.1/a.png",
    "http://172.16.5.4:8080/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://93.184.216.34@127.0.0.1/",
    "http://127.0.0.1:22/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/a.png",
    "gopher://127.0.0.1:6379/_INFO",
    "javascript:alert(1)",
    "data:image/png;base64,AAAA",
    "http://",
    "http://[",
    "http://127.0.0.1\r\nHost: x/",
    "http://127.0.0.1:99999/",
    "//127.0.0.1/a.png",
    "<script>alert(1)</script>",
    "http://a" + "a" * 3000,
    "",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_is_not_of_the_open_web_is_refused(asked, monkeypatch, address):
    def connect(*_):
        pytest.fail("a connection was opened")

    monkeypatch.setattr("socket.create_connection", connect)
    before = asked.session_state.session.name
    asked.text_input(key="address-of").set_value(address)
    next(one for one in asked.button if one.label == "Fetch").click().run()
    assert asked.session_state.session.problem and "role='alert'" in alive(asked)
    assert asked.session_state.session.name == before


BROKEN = ["truncated.jpg", "truncated_header.jpg", "zero_byte.jpg", "not_an_image.jpg", "bomb_header.png"]
BROKEN += ["bomb_real.png", "sixteen_bit.png"]
ODD = ["cmyk.jpg", "exif_orientation_6.jpg", "grey.jpg", "rgba.png", "palette.png"]


def bad_picture(name):
    file = BAD / "images" / name
    if not file.is_file():
        pytest.skip("no bad pictures beside the checkout")
    return file.read_bytes()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_refused(asked, name):
    before = asked.session_state.session.image
    asked.file_uploader[0].upload(name, bad_picture(name), "image/png").run()
    assert name in asked.session_state.session.problem and name in alive(asked)
    assert asked.session_state.session.image is before


@pytest.mark.parametrize("name", ODD)
def test_an_odd_picture_is_shown(asked, name):
    asked.file_uploader[0].upload(name, bad_picture(name), "image/png").run()
    assert asked.session_state.session.name == name and asked.session_state.session.problem is None


@pytest.mark.parametrize(
    "given",
    [
        None,
        3,
        [],
        {"content": None},
        {"content": "%"},
        {"content": "AAAA", "name": "<b>"},
        {"content": "A" * 27_000_000},
    ],
    ids=range(7),
)
def test_what_is_pasted_and_no_picture_is_refused(given):
    session = Session()
    gallery.take(session, given)
    assert session.problem and "\n" not in session.problem and session.image is None


@pytest.mark.parametrize(
    "given",
    [
        None,
        "point",
        {"kind": "explode", "mask": 0},
        {"kind": "point", "mask": 99, "x": 1, "y": 1},
        {"kind": "point", "mask": -1, "x": 1, "y": 1},
        {"kind": "point", "mask": True, "x": 1, "y": 1},
        {"kind": "point", "mask": 0, "x": float("nan"), "y": 1},
        {"kind": "point", "mask": 0, "x": 1e300, "y": 1},
        {"kind": "point", "mask": 0, "x": "1", "y": 1},
        {"kind": "point", "mask": 0},
        {"kind": "box", "mask": 0, "box": [1, 2, 3]},
        {"kind": "box", "mask": 0, "box": [9, 9, 1, 1]},
        {"kind": "box", "mask": 0, "box": [float("inf")] * 4},
        {"kind": "box", "mask": 0, "box": "<script>"},
    ],
    ids=range(14),
)
def test_a_click_that_makes_no_sense_is_refused(asked, given):
    asked.chat_input[0].set_value("one?").run()
    session = asked.session_state.session
    before = session.segments()
    correct.act(session, rule.Rule("by rule", None), given)
    assert session.problem and "\n" not in session.problem and session.segments() == before
