"""What a person gets: an answer in words, with a mask or a plain "not here" for each thing it names."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from data.geometry import Frame
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
        frame: original pixels -> the map's grid: where it lies on the picture.
        state: ``(1, D)`` float32, the mark's state that an embedding is made of.
        said: ``(T,)`` int64, the tokens after the picture up to the one that predicted the mark: from them every
            layer's map can be made again, which would be too much to keep.
    """

    map: np.ndarray
    prompts: SegPrompts
    low: torch.Tensor
    picture: str
    layers: dict[int, float] = field(default_factory=dict)
    probabilities: dict[int, float] = field(default_factory=dict)
    clicks: SegPrompts = field(default_factory=SegPrompts)
    frame: Frame | None = None
    state: torch.Tensor | None = None
    said: torch.Tensor | None = None

    def on(self, device: str | torch.device) -> "SegmentEvidence":
        """The same with its tensors on a device; ``said`` stays where it is."""
        if self.low.device == torch.device(device):
            return self
        state = None if self.state is None else self.state.to(device)
        clicks, prompts = self.clicks.on(device), self.prompts.on(device)
        return replace(self, prompts=prompts, clicks=clicks, low=self.low.to(device), state=state)


@dataclass(frozen=True)
class Segment:
    """One thing the answer names.

    Attributes:
        phrase: its words in the answer ("the red cup").
        mask: ``(H, W)`` bool in original pixels; all False when rejected.
        score: the segmenter's own estimate of the mask's IoU, in [0, 1]; for a rejected one 0.
        rejected: the model says that it is not in the image.
        evidence: what led to the mask (also kept for a rejected one: "segment it anyway").
        span: of characters, what stands for it in the answer's text; None where a mark does. Spans of an answer follow
            one another.
    """

    phrase: str
    mask: np.ndarray
    score: float
    rejected: bool
    evidence: SegmentEvidence
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Answer:
    """An answer to one question. ``text`` is as the model wrote it, with marks or with coordinates; ``timings`` are
    seconds by stage; ``notes`` say in plain lines what was out of the ordinary while it was made."""

    question: str
    text: str
    segments: tuple[Segment, ...]
    timings: dict[str, float] = field(default_factory=dict)
    stop: str = "end"
    notes: tuple[str, ...] = ()
