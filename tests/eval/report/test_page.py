import json
import re
from dataclasses import replace

import numpy as np
import pytest

from data import masks
from data.sample import Target
from eval import report, results
from eval.benchmarks import find
from eval.predictions import Given, Prediction, Truth, Why
from eval.scoring import Scored, count
from tests.chromium import needed
from tests.eval.board import box

SIZE = (60, 80)
HOSTILE = '</script><script>document.body.dataset.broken=1</script><img src=x onerror="document.body.dataset.broken=1">'
WHY = Why("AP+AMw==", (2, 2), ((10.0, 12.0, 1), (50.0, 40.0, 0)), {"6": 0.7, "3": 0.3})


def sample(number: int, text: str = "", absent: bool = False, width: int = 20) -> Scored:
    """A question about a box of 20 x 20 of which `width` columns are answered, with a text somewhere in every word."""
    cup = masks.encode(box(10, 10, 30, 30, SIZE))
    drawn = masks.encode(box(10, 10, 30, 10 + width, SIZE))
    one = Prediction(
        id=f"{number:04d}{text}",
        image=f"picture {number}{text}",
        size=SIZE,
        kind=f"{'absent' if absent else 'colour'}{text}",
        question=f"Where is cup {number}?{text}",
        answer=f"The cup{text} <SEG>.",
        given=(Given(f"the cup{text}", drawn, 0.9, WHY),),
        truth=Truth(f"The cup{text} {'<REJ>' if absent else '<SEG>'}.", (Target("the cup", None if absent else cup),)),
    )
    return Scored(one, count(one))


def values(rows, text=""):
    found = results.numbers(rows, find("world").protocol())
    return {"benchmark": f"world{text}", **found, "checkpoint": text}


def grey(name: str) -> np.ndarray:
    return np.full((*SIZE, 3), 200, np.uint8)


def data_of(file) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', file.read_text(), re.S)[1])


def test_the_numbers_are_of_all_and_the_samples_of_the_chosen(tmp_path):
    rows = [sample(n, width=n) for n in range(1, 21)]
    data = data_of(report.write(tmp_path, rows, values(rows), grey, most=6))
    assert (data["total"], len(data["samples"]), sum(data["bins"])) == (20, 6, 20)
    assert data["bins"] == [0] + [1] * 18 + [2]  # IoU 0.05, 0.10 .. 1.00: a bin's lower edge is its own
    assert data["numbers"]["columns"][:2] == ["asked", "gIoU"]
    name, asked, giou = data["numbers"]["rows"][0][:3]
    low, high = (float(edge) for edge in giou[1].split(" – "))
    assert (name, asked, giou[0]) == ("overall", ["20"], "0.525")
    assert 0.3 < low < 0.525 < high < 0.7


def test_a_picture_is_carried_once_and_one_that_is_gone_does_not_matter(tmp_path):
    rows = [sample(n) for n in range(4)]
    shared = [Scored(replace(row.prediction, image="one"), row.counts) for row in rows[:2]]

    def pictures(name: str) -> np.ndarray | None:
        if name == "picture 2":
            raise ValueError("picture 2: is damaged")
        return grey(name) if name == "one" else np.zeros((5, 5, 3), np.uint8)  # of another size: not this picture

    file = report.write(tmp_path / "other.html", [*shared, *rows[2:]], pictures=pictures)
    assert file.name == "other.html"
    assert [one["picture"] for one in data_of(file)["samples"]] == [0, 0, None, None]
    assert file.read_text().count("data:image/webp") == 1


def test_texts_of_models_and_data_cannot_leave_their_block(tmp_path):
    rows = [sample(1, HOSTILE), sample(2)]
    text = report.write(tmp_path, rows, values(rows, HOSTILE), grey).read_text()
    assert HOSTILE not in text
    assert "<img" not in text
    assert text.count("</script>") == 4  # one picture a row, the data and the program
    assert data_of(tmp_path / "report.html")["samples"][0]["question"] == f"Where is cup 1?{HOSTILE}"


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    rows = [sample(n, width=n % 21) for n in range(40)]
    rows += [sample(40, HOSTILE), sample(41, absent=True)]
    file = report.write(tmp_path_factory.mktemp("report"), rows, values(rows, HOSTILE), grey)
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    opened.on("request", lambda one: faults.append(one.url) if not one.url.startswith(("file:", "data:")) else None)
    opened.goto(f"file://{file}")
    yield opened
    assert faults == []


class TestInChromium:
    pytestmark = needed

    def test_hostile_text_is_only_text(self, page):
        page.locator("[name=words]").fill("onerror")
        assert page.locator(".card").count() == 1
        assert HOSTILE in page.locator(".card .question").inner_text()
        assert page.locator(".card img, .card script, h1 img").count() == 0
        assert page.evaluate("document.body.dataset.broken") is None
        page.get_by_text("Show all").click()

    def test_injected_script_and_loads_are_refused(self, browser, page, tmp_path):
        other = browser.new_page()
        other.goto(page.url)
        other.evaluate("""() => {
            const script = document.createElement('script');
            script.textContent = 'document.body.dataset.broken = 1';
            document.body.append(script);
            const image = '<img src=http://127.0.0.1:9/x onerror="this.dataset.ran = 1">';
            document.body.insertAdjacentHTML('beforeend', image);
        }""")
        other.wait_for_timeout(200)
        assert other.evaluate("document.body.dataset.broken") is None
        assert other.evaluate("document.body.lastChild.dataset.ran") is None
        other.close()

    def test_cards_are_made_as_they_are_needed(self, page):
        page.evaluate("scrollTo(0, 0)")
        page.locator("[name=order]").select_option("id")
        assert page.locator(".card").count() < 42
        for _ in range(4):
            page.evaluate("scrollTo(0, document.body.scrollHeight)")
            page.wait_for_timeout(150)
        assert page.locator(".card").count() == 42

    def test_order_and_filters(self, page):
        page.get_by_text("Show all").click()
        page.wait_for_timeout(50)
        assert page.locator(".score").first.inner_text() == "IoU 0.000"
        page.locator("[name=order]").select_option("best")
        assert page.locator(".score").first.inner_text() == "IoU 1.000"
        page.locator("[name=rejection]").select_option("invented")
        assert page.locator(".card").count() == 1
        page.get_by_text("Show all").click()
        page.wait_for_timeout(50)
        page.locator("[name=size]").select_option("none")
        assert page.locator(".card").count() == 1
        page.locator("#bins button").nth(10).click()  # IoU 0.5 to 0.55: widths of 10
        assert set(page.locator(".score").all_inner_texts()) == {"IoU 0.500"}
        page.locator("#numbers button").get_by_text("absent").click()
        assert page.locator("#count").inner_text() == "1 sample of 42"

    def test_masks_map_and_points_are_drawn_where_they_are(self, page):
        """On the answer's panel the mask's inside is orange, far from it grey; on the map's a point lies at its
        pixel's centre."""
        page.get_by_text("Show all").click()
        page.wait_for_timeout(50)
        page.locator("[name=order]").select_option("best")
        page.locator(".panel canvas").nth(3).scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        pixel = """([number, x, y]) => {
            const canvas = document.querySelectorAll('.panel canvas')[number], s = canvas.width / 80;
            return [...canvas.getContext('2d').getImageData((x + .5) * s, (y + .5) * s, 1, 1).data.slice(0, 3)];
        }"""
        inside, outside = (page.evaluate(pixel, [2, x, y]) for x, y in ((20, 20), (60, 50)))
        assert inside[0] > inside[2] + 60
        assert max(outside) - min(outside) <= 4
        assert page.evaluate(pixel, [3, 10, 12]) == [0, 158, 115]
        assert page.evaluate(pixel, [3, 50, 40]) == [255, 255, 255]

    def test_a_keyboard_is_enough(self, page):
        page.get_by_text("Show all").click()
        page.wait_for_timeout(50)
        page.locator(".panel").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("#large").is_visible()
        first = page.locator("#large-head").inner_text()
        page.locator("#next").focus()
        page.keyboard.press("Enter")
        assert page.locator("#large-head").inner_text() != first
        page.keyboard.press("Escape")
        assert not page.locator("#large").is_visible()

    @pytest.mark.parametrize("width", [390, 768, 1280])
    def test_nothing_is_wider_than_the_screen(self, page, width):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        high = page.evaluate("[...document.querySelectorAll('#bins span, #bins b')].map(one => one.offsetHeight)")
        assert max(high) <= 20  # one line each
