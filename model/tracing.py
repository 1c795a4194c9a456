"""What the language model had in mind at each mark: the rows of its hidden states that grounding needs, and no others.

A *mark* is a ``<SEG>`` or ``<REJ>`` token. Its state is the hidden state that *predicts* it: the one at the token
before,
or at the last prompt position for a first token. So generation needs no extra forward pass, and ``<REJ>`` has one too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from data.geometry import Frame


@dataclass(frozen=True)
class Trace:
    """The marks of one image, over one or several answers about it.

    Attributes:
        marks: ``(S, L, D)`` float, the state that predicts each mark, at L candidate layers.
        image: ``(L, N, D)`` float, the image tokens' states at the same layers, N = h * w, row by row.
        grid: ``(h, w)`` of the image tokens.
        frame: original pixels -> patch grid (an integer grid coordinate is the centre of a patch).
        rejected: ``(S,)`` bool, True where the mark is ``<REJ>``.
        layers: the L layer indices; 0 is the embedding, the last is after the final norm.
    """

    marks: torch.Tensor
    image: torch.Tensor
    grid: tuple[int, int]
    frame: Frame
    rejected: torch.Tensor
    layers: tuple[int, ...]

    def __len__(self) -> int:
        return self.marks.shape[0]

    def select(self, index: torch.Tensor) -> "Trace":
        """The same trace with the marks of ``index`` (bool or int64) alone."""
        return Trace(self.marks[index], self.image, self.grid, self.frame, self.rejected[index], self.layers)

    @classmethod
    def joined(cls, traces: Sequence["Trace"]) -> "Trace":
        """The marks of several answers about one image, in order, as one trace."""
        if len(traces) == 1:
            return traces[0]
        marks, rejected = (torch.cat([getattr(t, name) for t in traces]) for name in ("marks", "rejected"))
        return replace(traces[0], marks=marks, rejected=rejected)
