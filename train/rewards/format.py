"""A well-formed answer: it says something and ends, words name each of its marks, and no mark is among its thoughts."""

from model.tokens import MARK
from train.rewards.base import Answered


def reward(answered: Answered) -> float:
    """1 or 0."""
    ended = answered.stop == "end" and bool(answered.answer)
    named = all(mark.phrase for mark in answered.marks)
    return float(ended and named and not MARK.search(answered.thought))
