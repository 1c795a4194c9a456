"""The right answer to a question that asks for words alone ("how many ...?", "is there ...?")."""

from eval.metrics import same_words
from train.rewards.base import Answered


def reward(answered: Answered) -> float | None:
    """1 for the true answer, however it is spelled, and without marks; else 0. None where something is to be marked."""
    if answered.turn.targets:
        return None
    return float(not answered.marks and same_words(answered.answer, answered.turn.answer))
