"""A tab without a browser sees of the page what a browser would, and each its own."""

import numpy as np
import pytest

from benchmarks.crowd import Given, Talk
from benchmarks.through_page import Page, as_shown
from data import masks
from tests.app import page as pages


@pytest.fixture(scope="module")
def way():
    with pages.by_rule() as server:
        found = Page(server.url, server.process)
        yield found
        for session in (0, 1, 2):
            found.close(session)


def picture(side):
    image = np.zeros((side, side + 20, 3), np.uint8)
    image[:, :, 0] = side
    return image


def test_each_session_has_its_own_picture_and_masks(way):
    for session, side in ((0, 100), (1, 140)):
        way.begin(picture(side), [], session)
    for session, side in ((0, 100), (1, 140)):
        given = way.ask(picture(side), "two?", [], session)
        assert given.text == "Theredcupandthe<b>lamp</b>andthekey."
        left, lamp, right = given.rles
        assert lamp is None
        mask = masks.decode(left)
        assert mask.shape == (side, side + 20) and mask.sum() == 900 and mask[10:40, 10:40].all()
        assert masks.decode(right)[-40:-10, -40:-10].all()
        way.begin(picture(side), [("two?", "said")], session)  # goes on
        assert len(way.ask(picture(side), "one?", [("two?", "said")], session).rles) == 2
    assert way.held() > 0 and way.memory() > 10**7


def test_the_place_is_seen_and_a_failure_is_raised_in_its_own_words(way):
    way.begin(picture(100), [], 2)
    with pytest.raises(RuntimeError, match="the model failed on this question"):
        way.ask(picture(100), "break?", [], 2)
    way.begin(picture(120), [], 2)  # the same tab takes another picture
    assert len(way.ask(picture(120), "now?", [], 2).rles) == 2 and way.place(2) == 0


def test_an_answer_is_compared_as_it_is_shown():
    talk = Talk(picture(50), (("Where?", []),), (Given("The cup <SEG> and  the lamp <REJ>.", (None, None)),))
    assert as_shown([talk])[0].known[0].text == "Thecupandthelamp."
