"""What wants to break the page, in every view: each gets a plain line or is shown as it is, and the page goes on."""

import io
import json
import re
import time
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

import app.engine
from app import correct, gallery, panels, places, presence
from app.session import Session
from app.views import compare
from data import masks
from eval import predictions
from eval.predictions import Given
from tests.app import rule
from tests.app.test_answers import SAMPLES

PAGE = str(Path(__file__).resolve().parents[2] / "app" / "main.py")
BAD = Path(__file__).resolve().parents[3] / "shared" / "samples" / "bad"

TEXTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</div></style><style>*{display:none}</style>",
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[here](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "**bold** `code` :red[red] :material/home: $x^2$ :smile:",
    "# head\n- list\n> quote\n```\ncode",
    "<SEG> <REJ> [SEG] <im_start> <|im_end|> </s> <image>",
    "{{7*7}} ${7*7} %s %n {0} {question}",
    "'; DROP TABLE x; -- =cmd|' /C calc'!A0",
    "../../../../etc/passwd",
    "a\0b\x07\x1b[31m",
    "\u202eevil\u202c \u200b\ufeff \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "Z" + "\u0300" * 400,
    "x" * 999,
    "\n" * 50 + "?",
    "where " * 160,
]
SHORT = [text[:60] for text in TEXTS]
NAMES = [text.replace("\0", "") for text in SHORT]  # Streamlit itself refuses a file with a NUL in its name
TAGS = {"script", "iframe", "object", "embed", "svg", "form", "a", "link", "meta", "base"}


class Tags(HTMLParser):
    """The tags of a text that could run something or lead away, and attributes that could."""

    def __init__(self):
        super().__init__()
        self.bad = []

    def handle_starttag(self, tag, attrs):
        fetched = dict(attrs).get("src") or "data:"
        if tag in TAGS or any(name.startswith("on") for name, _ in attrs) or not fetched.startswith("data:"):
            self.bad.append((tag, attrs))


def alive(at):
    """What the page says; nothing in it may be taken for more than words."""
    assert [one.message for one in at.exception] == []
    text = written(at)
    tags = Tags()
    tags.feed(text)
    assert tags.bad == []
    for label in labels(at):
        bare = re.sub(r"\\.", "", label)
        assert "](" not in bare and ":red[" not in bare and "**bold" not in bare and "<script" not in bare, label
    return text


def written(at):
    return " ".join(str(element.proto.body) for element in at.get("html"))


def labels(at):
    """All that Streamlit takes for Markdown."""
    kinds = ("button", "checkbox", "toggle", "radio", "selectbox", "text_input", "number_input", "slider", "expander")
    named = [getattr(one, "label", "") for kind in kinds for one in at.get(kind)]
    loose = [one.value for one in (*at.caption, *at.markdown) if not one.value.startswith("<style>")]
    return [*named, *loose]


def png(size=(30, 20)):
    made = io.BytesIO()
    Image.new("RGB", size, "red").save(made, "PNG")
    return made.getvalue()


# Ask: one page outlives it all.


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
    asked.file_uploader[0].upload(f"{name}.png", png(), "image/png").run()
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


# Many


def many_page():
    from app.views import many
    from tests.app.rule import Rule

    many.show(Rule("by rule", None))


@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(presence, "LOOK", 0.02)
    made = AppTest.from_function(many_page, default_timeout=60).run()
    yield made
    if "many_job" in made.session_state:
        made.session_state.many_job.close()


def start(at, name, content, table=None, question="Where?"):
    at.file_uploader[0].upload(name, content)
    if table is not None:
        at.file_uploader[1].upload("rows.csv", table, "text/csv")
    at.text_input(key="many_question").set_value(question).run()
    at.button(key="many_start").click().run()
    return alive(at)


def ended(at):
    end = time.monotonic() + 30
    while not at.session_state.many_job.over:
        assert time.monotonic() < end
        time.sleep(0.02)
    at.run()
    return alive(at)


def test_cells_of_a_table_are_words(many):
    lines = [f'a.png,"{text.replace(chr(34), chr(34) * 2)}"' for text in TEXTS]
    start(many, "a.png", png(), ("image,question\n" + "\n".join(lines)).encode(), question="")
    assert "&lt;script&gt;" in ended(many)
    for row in range(2, len(many.session_state.many_job.lines) + 1):
        many.number_input(key="many_row").set_value(row).run()
        alive(many)


@pytest.mark.parametrize("name", NAMES[:8])
def test_names_of_many_pictures_are_words(many, name):
    start(many, f"{name}.png", png())
    if "many_job" in many.session_state:
        assert "1 of 1 asked" in ended(many)


def zipped(*entries, cut=None):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return made.getvalue()[:cut]


def linked():
    entry = zipfile.ZipInfo("a.png")
    entry.external_attr = 0o120777 << 16
    return zipped((entry, "/etc/passwd"))


ZIPS = {
    "empty": b"",
    "no zip": b"PK no",
    "cut": zipped(("a.png", png((300, 300))), cut=120),
    "nothing": zipped(),
    "climbs": zipped(("../../a.png", png())),
    "whole path": zipped(("/etc/a.png", png())),
    "bomb": zipped(("a.png", bytes(60_000_000))),
    "no pictures": zipped(("run.sh", "rm -rf /"), ("a.html", "<script>")),
    "a zip in it": zipped(("b.zip", zipped(("a.png", png())))),
    "a link": linked(),
    "scripts": zipped(("<script>alert(1)</script>.png", b"no")),
    "damaged": zipped(("a.png", png((200, 200)))).replace(b"IDAT", b"XXXX"),
}


@pytest.mark.parametrize("kind", ZIPS)
def test_a_broken_zip_is_a_plain_line(many, kind):
    text = start(many, "all.zip", ZIPS[kind])
    if "many_job" in many.session_state:
        text = ended(many)
        many.button(key="many_new").click().run()
    else:
        assert "role='alert'" in text
    assert "/tmp" not in text and "Traceback" not in text
    start(many, "a.png", png())
    assert "1 of 1 asked" in ended(many)


TABLES = [b"", b"\xff\xfe\x00", b"image\n", b"image,question\n", b'image,question\n"a.png,x', b"\0" * 99]
TABLES += [b"image,question\n" + b"../../etc/passwd,x\n" * 50, b"image,question\na.png," + b"x" * 200_000]


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_a_broken_table_is_a_plain_line(many, table):
    text = start(many, "a.png", png(), table, question="")
    assert "role='alert'" in text and "/tmp" not in text and "many_job" not in many.session_state


# Compare


def compare_page():
    from app.views import compare
    from tests.app.rule import Rule

    compare.show(Rule("by rule", None))


@pytest.mark.parametrize("text", SHORT[:12])
def test_words_and_folders_of_a_comparison_are_words(monkeypatch, tmp_path, text):
    monkeypatch.setattr(compare, "Engine", rule.Rule)
    (tmp_path / "config.json").touch()
    monkeypatch.setenv("PINPOINT_CHECKPOINT", str(tmp_path))
    compare.second.clear()
    at = AppTest.from_function(compare_page, default_timeout=60).run()
    at.text_input(key="compare-question").set_value(text)
    at.text_input(key="compare-folder").set_value(text)
    at.button[0].click().run()
    assert "There is no checkpoint at" in alive(at)
    at.text_input(key="compare-folder").set_value(str(tmp_path))
    at.button[0].click().run()
    assert "Second:" in alive(at)
    compare.second.clear()


# Results


def results_page():
    from app.views import results

    results.show(None)


@pytest.mark.parametrize("text", TEXTS[:16])
def test_words_of_results_are_words(text):
    one = replace(SAMPLES[0], kind=text, question=text, answer=f"{text} <SEG>.", id=text, image=text)
    one = replace(one, given=(Given(text, masks.encode(masks.decode(one.given[0].rle)), 0.5),))
    at = AppTest.from_function(results_page, default_timeout=60).run()
    at.file_uploader[0].upload("p.jsonl", predictions.line(one).encode())
    values = {"benchmark": text, "split": text, "numbers": {text: 0.5}, "questions": 1, text: text}
    at.file_uploader[0].upload("results.json", json.dumps(values).encode())
    at.run()
    at.button(key="results_open").click().run()
    alive(at)


FILES = [b"", b"{", b"[]", b"null", b"3", b"[" * 100_000, b'{"numbers": {"gIoU": NaN}}', b"\xff\xfe\xff", b"{}\n" * 9]
FILES += [b'{"numbers": [1, 2]}', b'{"numbers": {"a": {"b": {}}}, "questions": "<script>"}', b'{"a": 1' + b"0" * 9000]


@pytest.mark.parametrize("name", ["results.json", "predictions.jsonl"])
@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_broken_results_are_a_plain_line(name, content):
    at = AppTest.from_function(results_page, default_timeout=60).run()
    at.file_uploader[0].upload(name, content)
    at.run()
    at.button(key="results_open").click().run()
    text = alive(at)
    assert "Traceback" not in text and "/tmp" not in text


# Datasets


def datasets_page():
    from app.views import datasets

    datasets.show(None)


def browsed(monkeypatch, root):
    monkeypatch.setenv(places.ROOTS, str(root))
    return AppTest.from_function(datasets_page, default_timeout=60).run()


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
