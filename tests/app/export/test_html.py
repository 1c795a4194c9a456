import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from app import conversation, export
from app.export import Talk
from app.session import Exchange, Track
from data.drawing import colour
from model.answer import Answer
from tests.app.export.talks import long
from tests.chromium import needed
from tests.eval.board import box, segment

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&</style></title> \u202e"


class Read(HTMLParser):
    """The elements of a page with their attributes, and its words."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def written(talk):
    return dict(export.files(talk, ["html"]))[f"{talk.stem}.html"].decode()


def hostile():
    mask = box(1, 1, 5, 5)
    given = Answer(HOSTILE, f"{HOSTILE} <SEG> and {HOSTILE} <REJ>", (segment(HOSTILE, mask), segment(HOSTILE, None)))
    rows = (Exchange(HOSTILE, given), Exchange(HOSTILE, None, HOSTILE))
    return Talk(np.zeros((10, 10, 3), np.uint8), HOSTILE, rows)


def test_it_has_all_that_was_said_with_figures():
    words = " ".join(Read(written(long())).words)
    for said in ("Table & <cup>", "Where is the cup, the ball and the lamp?", "the model failed", "And it?"):
        assert said in words
    for said in ("<b>lamp</b>", "not here", "74 pixels", "5 pixels", "score 0.90", "answered in 0.2 s"):
        assert said in words, said
    assert "<SEG>" not in words and "<REJ>" not in words


@pytest.mark.parametrize("talk", [long(), hostile(), Talk(np.zeros((3, 2, 3), np.uint8), "")])
def test_it_runs_nothing_loads_nothing_and_describes_its_pictures(talk):
    page = written(talk)
    read = Read(page)
    assert {tag for tag, _ in read.elements} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "p", "section", "span"),
        *("mark", "sup", "figure", "img", "table", "tr", "td", "th", "label", "input", "b"),
    }
    for tag, values in read.elements:
        assert not any(name.startswith("on") or name in ("style", "href", "action") for name in values)
        if tag == "img":
            assert values["src"].startswith("data:image/") and "alt" in values
            assert values["alt"] or values["class"].startswith("layer")
        if tag == "input":
            assert any(name == "label" and other.get("for") == values["id"] for name, other in read.elements)
    assert "://" not in page


def test_the_policy_allows_its_own_style_alone():
    page = written(long())
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [v["content"] for tag, v in Read(page).elements if v.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and "script" not in policy


def test_a_layer_is_the_mask_and_the_picture_is_the_picture():
    mask = np.zeros((800, 1000), bool)
    mask[100:300, 200:700] = True
    talk = Talk(
        np.full((800, 1000, 3), 77, np.uint8), "a", (Exchange("?", Answer("?", "x <SEG>", (segment("x", mask),))),)
    )
    images = [v["src"] for tag, v in Read(written(talk)).elements if tag == "img"]
    base, layer = (np.array(Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2])))) for src in images)
    assert base.shape == (800, 1000, 3) and (base == 77).all()
    assert (layer[..., 3][110:290, 210:690] == round(255 * 0.45)).all()
    assert not layer[:90].any() and not layer[310:].any()


def test_colours_and_numbers_are_those_of_the_page():
    """The second thing was rejected and is drawn all the same: it keeps the colour after that of the others."""
    lamp, ball, cup = segment("lamp", None), segment("ball", box(1, 1, 5, 5)), segment("cup", box(5, 5, 9, 9))
    given = Answer(
        "?", "lamp <REJ>, ball <SEG>, cup <SEG>", (replace(lamp, mask=box(0, 6, 3, 9), rejected=False), ball, cup)
    )
    row = Exchange("?", given, tracks={0: Track(lamp)})
    talk = Talk(np.zeros((10, 10, 3), np.uint8), "a", (row,))
    page = written(talk)
    for name, number in (("lamp", 3), ("ball", 1), ("cup", 2)):
        assert f"{name}<sup>{number}</sup></mark>" in page
        assert f'<label for="m1-{number}">{name}</label>' in page
    assert "the masks 3: lamp, 1: ball, 2: cup" in page and ".show3:not(:checked)" in page
    drawn = np.array(Image.open(io.BytesIO(export.files(talk, ["overlay"])[0].data)))
    for mask, ink in ((given.segments[0].mask, 2), (ball.mask, 0), (cup.mask, 1)):
        assert (drawn[mask] == colour(ink)).all(axis=1).any()


def test_what_the_server_had_to_say_is_in_it():
    given = Answer("?", "Nothing.", (), notes=("Asked on the <CPU>.",))
    page = written(Talk(np.zeros((10, 10, 3), np.uint8), "a", (Exchange("?", given),)))
    assert "Asked on the &lt;CPU&gt;." in page


def test_style_has_a_rule_for_each_mask():
    many = Answer("?", "x <SEG> " * 30, tuple(segment("x", box(0, 0, 2, 2)) for _ in range(30)))
    page = written(Talk(np.zeros((10, 10, 3), np.uint8), "a", (Exchange("?", many),)))
    assert ".show30:not(:checked)" in page and conversation.STYLE.is_file()


@pytest.mark.browser
@pytest.mark.parametrize("talk", [long(), hostile()], ids=["long", "hostile"])
@needed[1]
def test_in_a_browser_masks_hide_with_the_keyboard_and_it_fits_every_width(browser, tmp_path, talk):
    file = tmp_path / "talk.html"
    file.write_bytes(dict(export.files(talk, ["html"]))[f"{talk.stem}.html"])
    page = browser.new_page(viewport={"width": 375, "height": 800})
    errors, asked = [], []
    page.on("console", lambda message: errors.append(message.text))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    layer, tick = page.locator(".layer").first, page.locator("input").first
    assert layer.is_visible()
    tick.focus()
    page.keyboard.press("Space")
    assert not layer.is_visible()
    page.keyboard.press("Space")
    assert layer.is_visible()
    ink = page.locator("mark").first.evaluate("e => getComputedStyle(e).borderBottomColor")
    assert ink == "rgb(230, 159, 0)"  # the policy lets its style through
    for width in (375, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    papers = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(papers) == 2
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert layer.is_visible() and not tick.is_visible()
    assert errors == [] and [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    page.close()
