import io
import json
import zipfile

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import again, takeaway
from app.export import FORMATS, Talk
from app.setup import Setup
from tests.app import page as pages
from tests.app.export.talks import about, long
from tests.chromium import needed
from tests.data.hard import MASKS


def panel():
    """The panel by itself, as a page."""
    from app import takeaway
    from tests.app.export.talks import long

    takeaway.show(long().image, long().name, long().exchanges)


def nothing_yet():
    from app import takeaway
    from tests.app.export.talks import long

    takeaway.show(long().image, long().name, long().exchanges[1:2])


def test_each_format_has_a_button_and_both_copies_are_there():
    at = AppTest.from_function(panel).run()
    assert not at.exception
    labels = [button.label for button in at.get("download_button")]
    assert labels[0] == "Everything"
    assert sorted(labels[1:]) == sorted(FORMATS.load(name).TITLE for name in FORMATS.available())
    assert [code.value for code in at.code] == [
        again.python(long(), Setup()).strip(),
        "\n".join(again.commands(long(), Setup())),
    ]
    assert not any("corrected" in caption.value for caption in at.caption)


def test_without_an_answer_there_is_nothing_to_take():
    at = AppTest.from_function(nothing_yet).run()
    assert not at.exception
    assert not at.get("download_button") and not at.code
    assert "When there is an answer" in at.caption[0].value


def test_one_file_comes_as_it_is_and_several_in_an_archive():
    one = {offer.title: offer for offer in takeaway.offers(about(MASKS["ring"]))}
    assert one["Overlay"].name == "overlay.png" and one["Overlay"].make().startswith(b"\x89PNG")
    assert one["Masks"].name == "mask-01-the-red-cup.png" and one["Masks"].mime == "image/png"
    several = {offer.title: offer for offer in takeaway.offers(long())}
    assert several["Masks"].name == "table-cup-masks.zip"
    assert several["Conversation"].name == "table-cup.html" and several["Conversation"].make().startswith(b"<!doctype")
    for offer in several.values():
        made = offer.make()
        assert offer.name.endswith(".html") or zipfile.ZipFile(io.BytesIO(made)).testzip() is None
        assert offer.about


def test_everything_holds_what_the_others_hold():
    first, *others = takeaway.offers(long())
    whole = set(zipfile.ZipFile(io.BytesIO(first.make())).namelist())
    for offer in others:
        made = offer.make()
        names = {offer.name} if offer.name.endswith(".html") else set(zipfile.ZipFile(io.BytesIO(made)).namelist())
        assert names <= whole


def test_nothing_is_made_before_it_is_asked_for(monkeypatch):
    def fail(talk):
        raise AssertionError

    monkeypatch.setattr(FORMATS.load("coco"), "files", fail)
    at = AppTest.from_function(panel).run()
    assert not at.exception
    talk = Talk(np.zeros((3000, 4000, 3), np.uint8), "large", long().exchanges)
    assert len(takeaway.offers(talk)) == 7 and "picture" not in talk.__dict__


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The panel by itself in a running Streamlit."""
    script = tmp_path_factory.mktemp("panel") / "panel.py"
    script.write_text("from tests.app.test_takeaway import panel\npanel()\n")
    with pages.script(script) as server:
        yield server.url


@pytest.mark.browser
@needed[1]
def test_a_file_is_downloaded_with_the_keyboard_and_code_is_copied(address, browser):
    context = browser.new_context(viewport={"width": 375, "height": 900}, accept_downloads=True)
    page = context.new_page()
    watched = pages.Watched(page)
    page.add_init_script("navigator.clipboard.writeText = async (text) => { window.copied = text }")
    page.goto(address)
    page.get_by_text("Take away").wait_for(timeout=60_000)
    page.get_by_text("Take away").click()
    code = page.locator("[data-testid=stCode]").first
    code.wait_for()
    code.hover()
    page.get_by_role("button", name="Copy to clipboard").first.click()
    page.wait_for_function("window.copied")
    copied = page.evaluate("window.copied")
    assert copied.strip() == again.python(long(), Setup()).strip()
    button = page.get_by_role("button", name="COCO JSON")
    button.wait_for()
    button.focus()
    with page.expect_download(timeout=60_000) as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "table-cup-coco.zip"
    with zipfile.ZipFile(waiting.value.path()) as archive:
        coco = json.loads(archive.read("coco.json"))
    assert [one["name"] for one in coco["categories"]] == ["the red cup", "the ball", "the <b>lamp</b>"]
    assert pages.fits(page)
    watched.close()
    context.close()
