"""``<think>..</think><answer>..</answer>`` and nothing else: the thinking format reward of Seg-Zero (Liu et al. 2025,
arXiv 2503.06520, section 3.3) and VisionReasoner."""

import re

from train.rewards.base import OPEN, Answered

_FORM = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)


def reward(answered: Answered) -> float:
    """1 or 0."""
    text = OPEN + answered.text if answered.thinks else answered.text
    return float(_FORM.fullmatch(text.strip()) is not None)
