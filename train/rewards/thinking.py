"""Thinking before answering: some words, ``</think>``, and then an answer."""

from train.rewards.base import CLOSE, Answered

LEAST = 3  # words that are a thought


def reward(answered: Answered) -> float | None:
    """1 or 0; None for a model that does not think first."""
    if not answered.thinks:
        return None
    closed = answered.text.count(CLOSE) == 1
    return float(closed and len(answered.thought.split()) >= LEAST and bool(answered.answer))
