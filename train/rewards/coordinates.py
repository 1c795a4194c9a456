"""An answer whose coordinates can be read, whatever their form: the lenient companion of the strict formats (Liu et al.
2025, arXiv 2503.06520, section 3.3, has a soft one, too)."""

from model.coordinates import read
from train.rewards.base import OPEN, Answered


def reward(answered: Answered) -> float:
    """1 if it places something, or says that there is nothing, and ends; half of that if a part of it cannot be read or
    repeats itself; else 0."""
    found = read(OPEN + answered.text if answered.thinks else answered.text)
    if not found.targets and not found.none:
        return 0.0
    return 1.0 if answered.stop == "end" and not found.problems else 0.5
