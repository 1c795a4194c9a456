"""The page in a real Chromium, with a model of random weights behind it."""

import pytest

from tests.app import page as pages
from tests.chromium import needed

pytestmark = needed


@pytest.fixture(scope="module")
def address(checkpoint):
    """A running page."""
    with pages.real(checkpoint) as server:
        yield server.url


@pytest.mark.parametrize("width", [375, 1280])
def test_a_question_is_answered_and_nothing_leaves_this_machine(opened, width):
    page = opened(width, 900)
    page.get_by_placeholder("Ask about the picture").fill("Where is the <b>red</b> cup?")
    page.keyboard.press("Enter")
    page.get_by_text("Where is the <b>red</b> cup?").wait_for(timeout=60_000)
    page.get_by_text(" s", exact=False).filter(has_text="0.").first.wait_for(timeout=60_000)
    assert pages.fits(page)
