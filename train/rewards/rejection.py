"""What is there gets a ``<SEG>``, what is not gets a ``<REJ>``."""

from eval.scoring import pair
from train.rewards.base import Answered


def reward(answered: Answered) -> float | None:
    """The share of the targets whose mark is of the right kind; which mark answers which target is told as the metrics
    tell it, by its words and then by its place. None where there are no targets."""
    targets = answered.turn.targets
    if not targets:
        return None
    paired = zip(targets, pair(targets, answered.marks), strict=True)
    return sum(mark is not None and (mark.mask is None) == target.absent for target, mark in paired) / len(targets)
