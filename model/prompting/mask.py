"""Mask as Prompt: the similarity map itself is the dense prompt (UGround, section "Mask as Prompt")."""

from dataclasses import dataclass

from model import published
from model.prompting.base import ChannelBase, Evidence, SegPrompts


@dataclass(frozen=True)
class Options:
    """Nothing to set."""


class Channel(ChannelBase):
    """The map in [0, 1], bilinearly resized to the segmenter's mask-prompt frame, 0 in its padding."""

    def forward(self, evidence: Evidence) -> SegPrompts:
        """``(S, 1, Hm, Wm)``."""
        if evidence.published:
            made = published.uground_mask(evidence.maps, evidence.frame.source, evidence.mask_frame.target[0])
            return SegPrompts(mask=made[:, None])
        return SegPrompts(mask=evidence.frame.resample(evidence.maps, evidence.mask_frame)[:, None])
