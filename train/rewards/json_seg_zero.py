"""The strict segmentation format reward of Seg-Zero (Liu et al. 2025, arXiv 2503.06520, section 3.3): JSON that holds a
box and two points under their very names."""

from model.coordinates import strict
from train.rewards.base import OPEN, Answered

KEYS = ("bbox", "points_1", "points_2")


def reward(answered: Answered) -> float:
    """1 or 0. An empty list, by which an answer rejects, is right, too; the published one knows no rejection."""
    return float(strict(OPEN + answered.text if answered.thinks else answered.text, KEYS) == 1)
