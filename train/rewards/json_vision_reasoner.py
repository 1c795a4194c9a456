"""The segmentation format reward of VisionReasoner (Liu et al. 2025, arXiv 2505.12081; github.com/JIA-Lab-research/
Seg-Zero, verl/utils/reward_score/vision_reasoner.py): JSON whose items hold a box and a point under their very names.
There it counts up to 2, here to 1."""

from model.coordinates import strict
from train.rewards.base import OPEN, Answered

KEYS = ("bbox_2d", "point_2d")


def reward(answered: Answered) -> float:
    """The share of boxes and points that are there, from 0 to 1; 1 for an empty list, by which an answer rejects (0
    there)."""
    return strict(OPEN + answered.text if answered.thinks else answered.text, KEYS)
