"""The canvas in a real Chromium: masks, highlights and corrections, with the mouse and with the keyboard."""

import pytest

from tests.app import page as pages
from tests.chromium import needed

pytestmark = needed

# How much of the canvas is painted at all, and at a place given as a share of it.
PAINTED = """([x, y]) => {
  const root = find(document);
  function find(from) {
    for (const one of from.querySelectorAll('*')) if (one.shadowRoot?.querySelector('.ink')) return one.shadowRoot;
  }
  const canvas = root.querySelector('.ink');
  const at = canvas.getContext('2d').getImageData(Math.round(x * canvas.width), Math.round(y * canvas.height), 1, 1);
  return [...at.data];
}"""


@pytest.fixture
def page(opened):
    made = opened(height=1100)
    pages.ask(made, "two?")
    made.locator(".legend li").nth(2).wait_for(timeout=60_000)
    return made


def at(page, x, y):
    """The colour and opacity of the drawing at a place of the picture, in original pixels."""
    width, height = size(page)
    return page.evaluate(PAINTED, [(x + 0.5) / width, (y + 0.5) / height])


def size(page):
    words = page.locator(".size").text_content().split()
    return int(words[3]), int(words[5])


def wait(page, x, y, painted):
    """Until a place is painted, or is not."""
    for _ in range(300):
        if (at(page, x, y)[3] > 0) == painted:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{x}, {y} is {'not ' if painted else ''}painted: {at(page, x, y)}")


def test_masks_have_their_colours_and_are_shown_hidden_and_lit_without_the_server(page):
    width, height = size(page)
    wait(page, 25, 25, True)
    first, second = at(page, 25, 25), at(page, width - 25, height - 25)
    assert first[3] == pytest.approx(0.45 * 255, abs=2) and at(page, width // 2, height // 2)[3] == 0
    assert first[:3] == pytest.approx([230, 159, 0], abs=4) and second[:3] == pytest.approx([86, 180, 233], abs=4)
    sent = page.sent
    sent.clear()
    page.get_by_label("Show the red cup").uncheck()
    wait(page, 25, 25, False)
    page.get_by_label("Show the red cup").check()
    wait(page, 25, 25, True)
    page.locator(".opacity").fill("100")
    assert at(page, 25, 25)[3] == 255
    page.locator(".legend .name").nth(2).hover()
    assert at(page, 25, 25)[3] < 255 / 2 and at(page, width - 25, height - 25)[3] == 255
    page.mouse.move(0, 0)
    assert at(page, 25, 25)[3] == 255
    page.locator(".legend .name").nth(0).focus()
    assert at(page, width - 25, height - 25)[3] < 255 / 2
    page.locator(".outline").uncheck()
    assert sent == []  # the server heard nothing of it


def test_a_phrase_of_the_answer_lights_its_mask(page):
    wait(page, 25, 25, True)
    page.locator("[data-mask='2']").hover()
    assert page.locator(".ink").get_attribute("data-bright") == "2"
    page.mouse.move(0, 0)
    assert page.locator(".ink").get_attribute("data-bright") == ""


def click(page, x, y, **options):
    width, height = size(page)
    box = page.locator(".stage").bounding_box()
    place = {"x": (x + 0.5) / width * box["width"], "y": (y + 0.5) / height * box["height"]}
    page.locator(".stage").click(position=place, **options)


def test_clicks_add_take_away_and_are_undone(page):
    click(page, 100, 60)
    wait(page, 100, 60, True)
    page.locator(".marks").uncheck()
    click(page, 25, 25, button="right")
    wait(page, 25, 25, False)
    click(page, 15, 35, modifiers=["Shift"])
    wait(page, 15, 35, False)
    page.get_by_role("button", name="Undo").click()
    wait(page, 15, 35, True)
    page.get_by_role("button", name="Undo").click()
    wait(page, 25, 25, True)
    page.get_by_role("button", name="Redo").click()
    wait(page, 25, 25, False)
    page.get_by_role("button", name="Reset").click()
    wait(page, 25, 25, True)
    wait(page, 100, 60, False)
    assert page.get_by_role("button", name="Reset").is_disabled()


def test_a_box_is_dragged(page):
    box = page.locator(".stage").bounding_box()
    width, _ = size(page)
    scale = box["width"] / width
    page.mouse.move(box["x"] + 60 * scale, box["y"] + 60 * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + 120 * scale, box["y"] + 100 * scale, steps=5)
    page.mouse.up()
    wait(page, 90, 80, True)
    wait(page, 130, 80, False)


def test_all_of_it_goes_with_the_keyboard(page):
    page.locator(".legend .name").nth(2).focus()
    page.keyboard.press("Enter")  # the key is corrected now
    assert page.locator(".legend .name").nth(2).get_attribute("aria-pressed") == "true"
    page.locator(".stage").focus()
    width, height = size(page)
    middle = width // 2, height // 2
    page.keyboard.press("ArrowRight")
    said = page.locator(".status").text_content()
    assert said.startswith("x ") and f"y {middle[1]}" in said and int(said.split()[1].strip(",")) > middle[0]
    page.keyboard.press("Enter")
    wait(page, middle[0] + 3, middle[1] + 5, True)
    page.keyboard.press("Shift+Enter")
    wait(page, middle[0] + 3, middle[1] + 8, False)
    page.keyboard.press("b")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("b")
    wait(page, middle[0] + 30, middle[1] + 30, True)
    assert page.locator(".status.problem").count() == 0  # a key heard twice makes an empty box


def test_numbers_do_what_clicks_do_and_wrong_ones_are_told(page):
    page.get_by_text("By numbers and by keys").click()
    page.locator("[name=x]").fill("100")
    page.locator("[name=y]").fill("60")
    page.get_by_role("button", name="Add here").click()
    wait(page, 104, 60, True)
    page.get_by_role("button", name="Take away here").click()
    wait(page, 104, 60, False)
    for name, value in (("left", 60), ("top", 60), ("right", 90), ("bottom", 80)):
        page.locator(f"[name={name}]").fill(str(value))
    page.get_by_role("button", name="Set the box").click()
    wait(page, 70, 70, True)
    page.locator("[name=x]").fill("99999")
    page.get_by_role("button", name="Add here").click()
    page.get_by_text("lies outside the picture").wait_for()
    assert page.locator(".status.problem").count() == 1
    page.locator("[name=x]").fill("")
    page.get_by_role("button", name="Add here").click()
    page.get_by_text("x is missing").wait_for()


def test_what_was_rejected_says_why_and_is_segmented_anyway(page):
    line = page.locator(".legend li").nth(1)
    assert "not here" in line.text_content() and "the <b>lamp</b>" in line.text_content()
    assert "answered that this is not in the picture" in line.text_content()
    line.get_by_role("button", name="Segment it anyway").click()
    wait(page, 60, 60, True)
    assert "although the model said" in page.locator(".legend li").nth(1).text_content()
