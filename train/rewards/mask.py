"""Masks that lie where they should, and a plain no for what is not there (design, section 4, "GRPO stage")."""

from train.rewards.base import Answered


def reward(answered: Answered) -> float:
    """Hungarian-matched IoU, and 1 for each absent target that is answered ``<REJ>``, summed and divided by the number
    of marks or of targets, whichever is larger; 1 where nothing was to be marked and nothing was.

    A ``<REJ>`` after the name of what is there answers no absent target.
    """
    most = max(len(answered.marks), len(answered.turn.targets))
    return (sum(iou for _, _, iou in answered.matched) + answered.rejections) / most if most else 1.0
