"""As many marks as targets."""

from train.rewards.base import Answered


def reward(answered: Answered) -> float:
    """1 for the right number of marks, less in proportion for too many or too few."""
    marks, targets = len(answered.marks), len(answered.turn.targets)
    most = max(marks, targets)
    return 1.0 - abs(marks - targets) / most if most else 1.0
