"""Boxes that overlap the true ones: Seg-Zero's and VisionReasoner's IoU reward (see :mod:`train.rewards._places`)."""

from train.rewards._places import matched, share
from train.rewards.base import Answered


def reward(answered: Answered) -> float:
    """The share of targets whose box has an IoU above 0.5, or which are rejected and absent."""
    return share(answered, matched(answered).iou)
