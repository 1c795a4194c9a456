"""The conversation in a real Chromium: stop, ask again, edit, earlier answers, and pictures of one's own."""

import base64

import pytest

from tests.app import page as pages
from tests.app.pictures import red
from tests.chromium import needed

pytestmark = needed


@pytest.fixture
def page(opened):
    return opened()


def test_the_place_is_shown_then_the_words_as_they_come_and_a_button_stops_them(page):
    page.get_by_placeholder("Ask about the picture").fill("slow?")
    page.keyboard.press("Enter")
    page.get_by_text("3 questions are before yours").wait_for(timeout=10_000)
    page.get_by_text("It 0 1 2", exact=False).wait_for(timeout=10_000)
    assert page.get_by_placeholder("Ask about the picture").is_disabled()
    page.locator(".stage").hover()  # the page goes on meanwhile
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("stopped,", exact=False).wait_for(timeout=10_000)
    assert "It 0 1 2" in page.get_by_test_id("stChatMessage").last.text_content()
    assert page.get_by_role("button", name="Stop").count() == 0
    pages.ask(page, "now?")
    page.get_by_text("The red cup", exact=True).wait_for(timeout=10_000)


def test_another_picture_ends_what_is_being_written(page):
    page.get_by_placeholder("Ask about the picture").fill("slow?")
    page.keyboard.press("Enter")
    page.get_by_text("It 0 1 2", exact=False).wait_for(timeout=10_000)
    page.get_by_role("button", name="Scene 3", exact=True).click()
    page.get_by_role("application", name="Picture: Scene 3").wait_for(timeout=10_000)
    page.get_by_text("slow?", exact=True).wait_for(state="detached", timeout=10_000)
    pages.ask(page, "now?")
    page.get_by_text("The red cup", exact=True).wait_for(timeout=10_000)


def test_a_question_is_edited_and_an_earlier_answer_shown(page):
    for question in ("one?", "two?"):
        pages.ask(page, question)
        page.get_by_text(question, exact=True).wait_for()
    page.locator(".legend li").nth(2).wait_for()
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator(".legend li").nth(2).wait_for(state="detached")
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("The question").fill("two again?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("two again?", exact=True).wait_for()
    page.locator(".legend li").nth(2).wait_for()
    page.get_by_text("one?", exact=True).wait_for(state="detached")


PASTE = """([name, content, kind, type]) => {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type: kind }));
  if (type === 'paste') document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
  else for (const one of document.querySelectorAll('*')) {
    const stage = one.shadowRoot?.querySelector('.stage');
    if (stage) stage.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped(page, way):
    page.evaluate(PASTE, ["mine <b>.png", base64.b64encode(red(300, 200)).decode(), "image/png", way])
    page.get_by_role("application", name="Picture: mine <b>.png").wait_for(timeout=10_000)
    assert "300 x 200" in page.locator(".size").text_content()
    page.evaluate(PASTE, ["bad.png", base64.b64encode(b"no picture").decode(), "image/png", way])
    page.get_by_text("bad.png: is not a picture", exact=False).wait_for(timeout=10_000)
    assert page.get_by_role("application", name="Picture: mine <b>.png").count() == 1


def test_an_address_of_this_machine_is_refused(page):
    page.get_by_role("button", name="Your own picture").click()
    page.get_by_label("Or the address of a picture").fill("http://localhost:8080/a.png")
    page.get_by_role("button", name="Fetch").click()
    page.get_by_role("alert").get_by_text("which is not asked").wait_for(timeout=10_000)
