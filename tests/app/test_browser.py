"""The page in a real Chromium, with a model of random weights behind it."""

import sys
from pathlib import Path

import pytest

from tests.app import page as pages
from tests.chromium import needed

ROOT = Path(__file__).resolve().parents[2]
pytestmark = needed


@pytest.fixture(scope="module")
def address(checkpoint):
    """A running page."""
    with pages.served([sys.executable, "-m", "app.cli", "app", "--checkpoint", str(checkpoint), "--port"]) as found:
        yield found


@pytest.mark.parametrize("width", [375, 1280])
def test_a_question_is_answered_and_nothing_leaves_this_machine(address, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    errors, outside = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: outside.append(request.url) if "127.0.0.1" not in request.url else None)
    page.goto(address)
    page.get_by_placeholder("Ask about the picture").fill("Where is the <b>red</b> cup?")
    page.keyboard.press("Enter")
    page.get_by_text("Where is the <b>red</b> cup?").wait_for(timeout=60_000)
    page.get_by_text(" s", exact=False).filter(has_text="0.").first.wait_for(timeout=60_000)
    assert errors == []
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
