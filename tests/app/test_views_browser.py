"""The views beside the conversation in a real Chromium: each is used, without an error or a request to another host."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from app.places import ROOTS
from data.world.world import World
from eval import predictions
from tests.app import page as pages
from tests.app.test_answers import SAMPLES
from tests.chromium import needed
from tests.data.datasets.toybox import SQUARE

WAIT = 60_000
pytestmark = needed


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A folder that the page may show: a dataset of one's own, and results."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "mine").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (40, 30), "teal").save(folder / f"mine/{name}.png")
    lines = [
        f'{{"image": "a.png", "question": "Where is the <b>square</b>?", "targets": [{{"phrase": "the square", '
        f'"mask": [{SQUARE}]}}]}}',
        '{"image": "b.png", "question": "And the lamp?", "targets": [{"phrase": "the lamp"}]}',
    ]
    (folder / "mine/pinpoint.jsonl").write_text("\n".join(lines))
    (folder / "val").mkdir()
    predictions.write(SAMPLES, folder / "val/predictions.jsonl")
    return folder


@pytest.fixture(scope="module")
def address(checkpoint, tree):
    """A running page."""
    with pages.real(checkpoint, "--root", str(tree), **{ROOTS: ""}) as server:
        yield server.url


@pytest.fixture
def visit(opened):
    """Opens a view by the bar at the top, on a screen of a width; in the end nothing may have gone wrong."""
    seen = []

    def open_view(name, width=1280):
        page = opened(width, 900)
        seen.append(page)
        page.get_by_placeholder("Ask about the picture").wait_for(timeout=WAIT)
        page.wait_for_load_state(
            "networkidle"
        )  # pictures of a view that is left early are gone when they are asked for
        if width < 640:
            page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_role("link", name=name).first.click()
        if width < 640:
            page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click(force=True)
        page.get_by_role("heading", level=2).first.wait_for(timeout=WAIT)
        return page

    yield open_view
    assert all(pages.fits(page) for page in seen)


def press(page, label):
    """A button, by the keyboard alone."""
    from playwright.sync_api import expect

    button = page.get_by_role("button", name=label)
    expect(button).to_be_enabled(timeout=WAIT)
    button.press("Enter")


def scenes(count):
    data = io.BytesIO()
    made = io.BytesIO()
    Image.fromarray(World("val", 1).sample(0).load()).save(made, "PNG")
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number:04}.png", made.getvalue())
        archive.writestr("../out.png", b"x")
    return {"name": "scenes.zip", "mimeType": "application/zip", "buffer": data.getvalue()}


def begin(page, count, question):
    """Hand in so many pictures, and have the question asked of all."""
    page.locator("input[type=file]").first.set_input_files(scenes(count))
    page.get_by_text("scenes.zip").wait_for(timeout=WAIT)
    page.get_by_label("Question for all").fill(question)
    page.keyboard.press("Tab")
    press(page, "Ask them all")


@pytest.mark.parametrize("width", [375, 1280])
def test_many_pictures_are_asked_paused_and_taken_away(visit, width):
    page = visit("Many", width)
    begin(page, 6, "Where is the <b>red</b> cup?")
    status = page.get_by_role("status").first
    status.filter(has_text="of 6 asked").wait_for(timeout=WAIT)
    page.get_by_text("Where is the <b>red</b> cup?").first.wait_for(timeout=WAIT)
    status.filter(has_text="Done: 6 of 6 asked").wait_for(timeout=WAIT)
    assert "1 left out" in page.get_by_test_id("stExpander").first.inner_text()
    with page.expect_download() as loading:
        press(page, "Report")
    assert loading.value.suggested_filename == "report.html"
    assert "<title>" in Path(loading.value.path()).read_text()
    press(page, "Another list")
    page.get_by_role("button", name="Ask them all").wait_for(timeout=WAIT)


@pytest.mark.slow
def test_a_list_goes_on_while_another_view_is_looked_at(visit):
    page = visit("Many")
    begin(page, 1000, "Where?")
    press(page, "Pause")
    status = page.get_by_role("status").first
    status.filter(has_text="Paused").wait_for(timeout=WAIT)
    page.wait_for_timeout(3000)  # the question that was under way
    before = status.inner_text()
    page.wait_for_timeout(1500)
    assert status.inner_text() == before
    press(page, "Resume")
    status.filter(has_text="Asking").wait_for(timeout=WAIT)
    page.get_by_role("link", name="Datasets").first.click()
    page.get_by_label("Split").wait_for(timeout=WAIT)
    page.wait_for_timeout(3000)
    page.get_by_role("link", name="Many").first.click()
    press(page, "Stop, and keep what is answered")
    status.filter(has_text="Stopped").wait_for(timeout=WAIT)
    assert asked(status.inner_text()) > asked(before)


def asked(status):
    """How many questions a status says were asked."""
    return int(status.split(": ")[1].split(" of ")[0])


@pytest.mark.parametrize("width", [375, 1280])
def test_results_of_a_folder_are_looked_through(visit, width):
    page = visit("Results", width)
    page.get_by_text("a folder of the server").click()
    page.get_by_label("Folder with results").click()
    page.get_by_role("option", name="val").click()
    press(page, "Show these results")
    page.get_by_text("5 of 5 questions").wait_for(timeout=WAIT)
    page.get_by_text("the model failed").wait_for(timeout=WAIT)
    page.get_by_label("Look at row").fill("5")
    page.keyboard.press("Enter")
    page.get_by_text("a/0 ·").wait_for(timeout=WAIT)
    page.get_by_role("img", name="True: a.png").wait_for(timeout=WAIT)
    page.get_by_role("img", name="Predicted: a.png").wait_for(timeout=WAIT)


@pytest.mark.parametrize("width", [375, 1280])
def test_a_dataset_is_looked_through(visit, width):
    page = visit("Datasets", width)
    page.get_by_text("2 pictures · 2 samples").wait_for(timeout=WAIT)
    page.get_by_text("Where is the <b>square</b>?").first.wait_for(timeout=WAIT)
    page.get_by_role("img", name="the picture with its true masks").wait_for(timeout=WAIT)
    page.get_by_label("With these words").fill("lamp")
    page.keyboard.press("Enter")
    page.get_by_text("not here", exact=True).wait_for(timeout=WAIT)
