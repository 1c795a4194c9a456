"""How the page looks in a real Chromium: at every width, light and dark, without a jump, and to a screen reader."""

import pytest

from tests.app import page as pages
from tests.chromium import needed

pytestmark = needed

SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
}).observe({ type: 'layout-shift', buffered: true });
"""


def answered(page):
    pages.ask(page, "two?")
    page.locator(".legend li").nth(2).wait_for(timeout=60_000)
    page.get_by_text("Why these masks?").click()
    page.get_by_text("The points in numbers").wait_for(timeout=30_000)


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light"), (1280, "dark")])
def test_nobody_is_shut_out(opened, width, scheme):
    base = pytest.importorskip("axe_playwright_python.base")
    page = opened(width, color_scheme=scheme)
    answered(page)
    page.get_by_text("By numbers and by keys").click()
    page.get_by_text("Take away", exact=True).click()
    page.evaluate(base.AXE_SCRIPT)
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 30
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert grave == [], [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]


@pytest.mark.parametrize("width", [375, 768, 1280, 2560])
def test_everything_fits_at_any_width(opened, width):
    page = opened(width)
    answered(page)
    assert pages.fits(page)
    stage = page.locator(".stage").bounding_box()
    assert stage["width"] > 0.4 * min(width, 1280) and stage["x"] >= 0 and stage["x"] + stage["width"] <= width
    for row in page.locator(".tools .row").all():
        box = row.bounding_box()
        assert box is None or box["x"] + box["width"] <= width
    # The answer is under the picture where there is no room beside it.
    words = page.get_by_test_id("stChatMessage").first.bounding_box()
    assert (words["y"] > stage["y"] + stage["height"] / 2) == (width < 640)


def test_light_and_dark_follow_the_system(opened):
    def darkness(page):
        return page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")

    light, dark = (darkness(opened(color_scheme=scheme)) for scheme in ("light", "dark"))
    assert sum(map(int, light[4:-1].split(","))) > 700 and sum(map(int, dark[4:-1].split(","))) < 150


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_jumps_while_the_page_comes(opened, width):
    page = opened(width, script=SHIFTS)
    page.wait_for_timeout(1500)
    # Streamlit's own outline moves 0.06 to 0.11 when it goes.
    assert page.evaluate("window.shifted") < 0.2
