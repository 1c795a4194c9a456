"""Boxes that lie at the true ones: Seg-Zero's and VisionReasoner's L1 reward (see :mod:`train.rewards._places`)."""

from train.rewards._places import matched, share
from train.rewards.base import Answered


def reward(answered: Answered) -> float:
    """The share of targets whose box's sides are on the average less than 10 pixels of 840 away, or which are rejected
    and absent."""
    return share(answered, matched(answered).l1)
