"""Embedding: the mark's state, projected, is one more sparse prompt (LISA, Lai et al. 2023, section 3.2)."""

from dataclasses import dataclass

from torch import nn

from model.prompting.base import ChannelBase, Evidence, SegPrompts


@dataclass(frozen=True)
class Options:
    """Nothing to set."""


class Channel(ChannelBase):
    """``Linear(D, D) -> ReLU -> Linear(D, C)`` on the state of each mark."""

    def __init__(self, options: Options, state_size: int, prompt_size: int) -> None:
        super().__init__(options, state_size, prompt_size)
        self.project = nn.Sequential(nn.Linear(state_size, state_size), nn.ReLU(), nn.Linear(state_size, prompt_size))

    def forward(self, evidence: Evidence) -> SegPrompts:
        """One embedding a mask: ``(S, 1, C)``."""
        return SegPrompts(embeddings=self.project(evidence.states)[:, None])
