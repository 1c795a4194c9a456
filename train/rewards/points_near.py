"""Points near the middle of the thing: Seg-Zero's and VisionReasoner's point reward (see
:mod:`train.rewards._places`)."""

from train.rewards._places import matched, share
from train.rewards.base import Answered


def reward(answered: Answered) -> float:
    """The share of targets whose points lie in their box and near the true ones (one: 30 pixels of 840; two: 100 on the
    average), or which are rejected and absent."""
    return share(answered, matched(answered).near)
