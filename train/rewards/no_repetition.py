"""An answer that does not say the same again: the non-repeat reward of VisionReasoner (Liu et al. 2025, arXiv
2505.12081; github.com/JIA-Lab-research/Seg-Zero, verl/utils/reward_score/vision_reasoner.py)."""

from collections import Counter

from train.rewards.base import Answered


def reward(answered: Answered) -> float:
    """1, or 0 if two of its sentences, from full stop to full stop, are repetitions of earlier ones."""
    sentences = Counter(part.strip() for part in answered.text.split(".") if part.strip())
    return float(sum(sentences.values()) - len(sentences) < 2)
