"""What a person gets: an answer in words, with a mask or a plain "not here" for each thing it names."""

from dataclasses import dataclass, field

import numpy as np
import torch

from model.prompting.base import SegPrompts


@dataclass(frozen=True)
class SegmentEvidence:
    """Why a mask is where it is.

    Attributes:
        map: ``(h, w)`` float32 in [0, 1], similarity of the mark to the image tokens, patch grid.
        prompts: what the mark gave the segmenter, one mask (S = 1).
        low: ``(1, 1, Hm, Wm)`` float, the mask's low-resolution logits, fed back by ``refine``.
        picture: the predictor's name of the picture it lies in.
        layers: the share in the map of each candidate layer (0 is the embedding).
        probabilities: what the layer policy thinks of each.
        clicks: the points, labels and box that a person has given since.
    """

    map: np.ndarray
    prompts: SegPrompts
    low: torch.Tensor
    picture: str
    layers: dict[int, float] = field(default_factory=dict)
    probabilities: dict[int, float] = field(default_factory=dict)
    clicks: SegPrompts = field(default_factory=SegPrompts)


@dataclass(frozen=True)
class Segment:
    """One thing the answer names.

    Attributes:
        phrase: its words in the answer ("the red cup").
        mask: ``(H, W)`` bool in original pixels; all False when rejected.
        score: the segmenter's own estimate of the mask's IoU, in [0, 1]; for a rejected one 0.
        rejected: the model says that it is not in the image.
        evidence: what led to the mask (also kept for a rejected one: "segment it anyway").
    """

    phrase: str
    mask: np.ndarray
    score: float
    rejected: bool
    evidence: SegmentEvidence


@dataclass(frozen=True)
class Answer:
    """An answer to one question. ``text`` holds the marks; ``timings`` are seconds by stage."""

    question: str
    text: str
    segments: tuple[Segment, ...]
    timings: dict[str, float] = field(default_factory=dict)
    stop: str = "end"
