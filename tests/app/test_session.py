"""What one session of the page may hold."""

import numpy as np

from app import session as module
from app.session import Exchange, Session
from model.answer import Answer
from tests.eval.board import segment


def said(question, side=10):
    mask = np.zeros((side, side), bool)
    return Exchange(question, Answer(question, "The cup <SEG>.", (segment("the cup", mask),), {}))


def talked(count, side=10):
    session = Session()
    session.show(np.zeros((side, side, 3), np.uint8), "mine.png")
    for number in range(count):
        session.add(said(str(number), side))
    return session


def test_the_first_turns_go_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "TURNS", 3)
    session = talked(3)
    session.chosen, before = 1, session.turn(1)
    session.add(said("3"))
    assert [row.question for row in session.exchanges] == ["1", "2", "3"] and session.dropped == 1
    assert session.chosen == 0 and session.turn(0) == before  # the same exchange has the same name
    session.add(said("4"))
    assert session.chosen is None and session.history()[0] == ("2", "The cup <SEG>.")
    session.show(np.zeros((5, 5, 3), np.uint8), "other.png")
    assert session.dropped == 0


def test_the_first_turns_go_when_their_masks_weigh_too_much(monkeypatch):
    one = said("0", 100).bytes
    assert one >= 100 * 100
    monkeypatch.setattr(module, "ROOM", 2 * one + one // 2)
    session = talked(5, 100)
    assert [row.question for row in session.exchanges] == ["3", "4"] and session.dropped == 3
    monkeypatch.setattr(module, "ROOM", 1)
    session.add(said("5", 100))
    assert [row.question for row in session.exchanges] == ["5"]  # the newest is kept whatever it weighs


def test_corrections_are_weighed_and_what_they_share_is_weighed_once():
    session = talked(1, 100)
    row = session.exchanges[0]
    before = row.bytes
    session.correct(0, segment("the cup", np.ones((100, 100), bool)))
    after = session.exchanges[0].bytes
    assert after == 2 * before  # the first one, which can be brought back, and the one in its place
