"""Conversations to take away."""

import numpy as np

from app.export import Talk
from app.session import Exchange
from model.answer import Answer
from tests.data.hard import MASKS
from tests.eval.board import segment


def picture(size):
    """Noise of ``size`` (H, W)."""
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def about(mask, phrase="the red cup"):
    """A talk whose one answer has one mask."""
    given = Answer("Where?", f"{phrase} <SEG>.", (segment(phrase, mask, score=0.87654),))
    return Talk(picture(mask.shape), "My Cup.JPG", (Exchange("Where?", given),))


def long():
    """Three questions: two masks and something that is not here; no answer; a mask that has no pixel."""
    size = (12, 14)
    cup, ball = MASKS["ring"], np.zeros(size, bool)
    ball[4:6, 0:2] = True
    ball[0, 13] = True  # of two parts, at the picture's edges
    first = Answer(
        "Where is the cup, the ball and the lamp?",
        "The red cup <SEG>, the ball <SEG>, and the <b>lamp</b> <REJ>.",
        (segment("the red cup", cup), segment("the ball", ball), segment("the <b>lamp</b>", None, size=size)),
        {"total": 0.25},
    )
    third = Answer("And it?", "the red cup <SEG>", (segment("the red cup", np.zeros(size, bool), score=0.1),))
    rows = (
        Exchange("Where is the cup, the ball and the lamp?", first),
        Exchange("break", None, "the model failed"),
        Exchange("And it?", third),
    )
    return Talk(picture(size), "Table & <cup>", rows)
