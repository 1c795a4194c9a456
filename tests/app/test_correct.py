"""What a click does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from app import correct
from app.session import STEPS, Exchange, Session
from model.answer import Answer
from model.prompting.base import SegPrompts
from tests.eval.board import segment

SIZE = (30, 40)


class Draws:
    """Paints a pixel for each click, and the box; a mask of its own for what was rejected."""

    def __init__(self):
        self.seen = []

    def refine(self, image, segment, points, labels, box=None):
        self.seen.append((points.tolist(), labels.tolist(), None if box is None else box.tolist()))
        if len(points) and points[0, 0] == 13:
            raise ValueError("the model failed")
        mask = segment.mask.copy()
        for (x, y), label in zip(points.astype(int), labels, strict=True):
            mask[y, x] = label == 1
        clicks = SegPrompts(points=torch.tensor(points)[None], labels=torch.tensor(labels)[None])
        return replace(segment, mask=mask, rejected=False, evidence=replace(segment.evidence, clicks=clicks))

    def segment_anyway(self, image, segment):
        return replace(segment, mask=np.ones(SIZE, bool), rejected=False, score=0.3)


@pytest.fixture
def model():
    return Draws()


@pytest.fixture
def session():
    mask = np.zeros(SIZE, bool)
    mask[5:10, 5:10] = True
    found = (segment("the cup", mask), segment("the lamp", None, size=SIZE))
    made = Session(image=np.zeros((*SIZE, 3), np.uint8))
    made.exchanges = [Exchange("?", Answer("?", "The cup <SEG> and the lamp <REJ>.", found))]
    return made


def point(x, y, inside=True, mask=0):
    return {"kind": "point", "mask": mask, "x": x, "y": y, "inside": inside}


def test_clicks_add_and_take_away_in_original_pixels(session, model):
    correct.act(session, model, point(20.25, 11))
    correct.act(session, model, point(5, 5, inside=False))
    assert model.seen == [([[20.25, 11.0]], [1], None), ([[5.0, 5.0]], [0], None)]
    mask = session.segments()[0].mask
    assert session.problem is None and mask[11, 20] and not mask[5, 5] and mask.sum() == 25
    assert session.last().segments[0].mask is mask  # what is taken away is the corrected one


def test_a_box_is_given_whole_and_cut_at_the_picture(session, model):
    correct.act(session, model, {"kind": "box", "mask": 0, "box": [-9, 2, 20, 99]})
    assert model.seen == [([], [], [-0.5, 2.0, 20.0, 29.5])]


def test_undo_redo_and_reset_walk_through_the_masks(session, model):
    first = session.segments()[0].mask
    for x in (20, 21):
        correct.act(session, model, point(x, 20))
    second, third = session.track(0).past[1].mask, session.segments()[0].mask

    def do(kind):
        correct.act(session, model, {"kind": kind, "mask": 0})
        return session.segments()[0].mask

    assert do("undo") is second and do("undo") is first and do("undo") is first
    assert do("redo") is second and do("redo") is third and do("redo") is third
    assert do("reset") is first and do("reset") is first and do("undo") is third
    correct.act(session, model, point(1, 1))
    assert not session.track(0).future  # a new correction leaves nothing to redo
    assert session.problem is None and len(model.seen) == 3


def test_each_mask_has_its_own_past(session, model):
    correct.act(session, model, point(20, 20))
    correct.act(session, model, {"kind": "anyway", "mask": 1})
    correct.act(session, model, {"kind": "undo", "mask": 0})
    assert session.segments()[0].mask.sum() == 25 and session.segments()[1].mask.all()


def test_what_was_rejected_is_segmented_all_the_same_and_back(session, model):
    correct.act(session, model, {"kind": "anyway", "mask": 1})
    assert not session.segments()[1].rejected and session.segments()[1].mask.all()
    correct.act(session, model, {"kind": "undo", "mask": 1})
    assert session.segments()[1].rejected


def test_colours_are_those_of_what_was_found_in_turn_and_stay_when_more_is_drawn(session, model):
    one = session.segments()[0]
    row = session.exchanges[0]
    answer = replace(row.answer, segments=(session.segments()[1], one, one))
    session.exchanges[0] = replace(row, answer=answer)
    assert session.exchanges[0].inks == [2, 0, 1]
    correct.act(session, model, {"kind": "anyway", "mask": 0})
    assert session.exchanges[0].inks == [2, 0, 1] and not session.segments()[0].rejected


def test_what_is_kept_for_undo_is_bounded(session, model):
    for number in range(STEPS + 5):
        correct.act(session, model, point(number % 10, 1))
    assert len(session.track(0).past) == STEPS


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "not understood"),
        ([], "not understood"),
        ({"kind": "eval", "mask": 0}, "not understood"),
        ({"kind": "undo", "mask": 7}, "no such mask"),
        ({"kind": "undo", "mask": True}, "no such mask"),
        ({"kind": "undo"}, "no such mask"),
        (point(40, 3), "outside the picture, which has 40 x 30"),
        (point(3, -1), "outside"),
        (point(None, 3), "x is missing"),
        (point("3", 3), "x is missing"),
        (point(float("nan"), 3), "x is missing"),
        ({"kind": "box", "mask": 0, "box": [1, 2, 3]}, "a left, a top"),
        ({"kind": "box", "mask": 0, "box": [1, 2, None, 4]}, "right is missing"),
        ({"kind": "box", "mask": 0, "box": [9, 2, 3, 4]}, "left must be less"),
        ({"kind": "box", "mask": 0, "box": [50, 2, 60, 4]}, "left must be less"),
        (point(13, 3), "the model failed"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_changes_nothing(session, model, given, says):
    before, revision = session.segments(), session.revision
    correct.act(session, model, given)
    assert says in session.problem and session.segments() is before
    assert session.revision == revision + 1  # the browser waits for it
    correct.act(session, model, point(20, 20))
    assert session.problem is None


def test_a_click_for_an_answer_that_is_gone_does_nothing(session, model):
    correct.act(session, model, {**point(20, 20), "turn": "0-9"})
    assert not model.seen and session.problem is None
    correct.act(session, model, {**point(20, 20), "turn": correct.turn(session)})
    assert len(model.seen) == 1
