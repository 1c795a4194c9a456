"""What a multimodal language model promises. One file of this package is one family.

The code that composes knows only this contract: chats go in, text and traces come out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from data.geometry import Frame
from model.tracing import Trace


@dataclass(frozen=True)
class Encoded:
    """One conversation as tokens.

    Attributes:
        ids: ``(T,)`` int64, image placeholders already expanded.
        labels: ``(T,)`` int64, the ids to be learned (answers and their end mark), -100 elsewhere.
        prefix: how many leading ids are the same for every conversation on one image (system text and image).
    """

    ids: torch.Tensor
    labels: torch.Tensor
    prefix: int


@dataclass(frozen=True)
class ChatBatch:
    """Conversations on B images, packed: all conversations of an image share its prefix and do not see one another.

    Attributes:
        prepared: ``(B, 3, Hb, Wb)`` uint8 images as :meth:`Backbone.prepare` gives them.
        sizes: original ``(H, W)`` of each image.
        ids: ``(B, T)`` int64, right-padded.
        labels: ``(B, T)`` int64, -100 where nothing is learned.
        positions: ``(B, T)`` int64; each conversation counts on from the end of the prefix.
        block: ``(B, T)`` int64: 0 the prefix, 1.. the conversation a token belongs to, -1 padding.
    """

    prepared: torch.Tensor
    sizes: list[tuple[int, int]]
    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    block: torch.Tensor


@dataclass(frozen=True)
class ChatOutput:
    """Teacher-forced reading of a :class:`ChatBatch`.

    Attributes:
        logits: ``(M, V)`` float at the M learned positions alone, in row-major order of the batch.
        targets: ``(M,)`` int64, the id to be predicted at each.
        traces: one for each image; marks in the order of the packed ids.
    """

    logits: torch.Tensor
    targets: torch.Tensor
    traces: list[Trace]


@dataclass(frozen=True)
class Prefix:
    """An image already read: the key-value cache of system text and image, which of its positions later tokens see, and
    the image tokens' states."""

    cache: object
    seen: torch.Tensor  # (T,) bool
    states: torch.Tensor  # (L, N, D)
    frame: Frame


@dataclass(frozen=True)
class Generated:
    """A generated answer: ``ids`` (T,) int64 without the end mark, its ``text`` with marks in it, the ``trace``,
    and ``stop``: "end" (the model ended it), "length" (cut at the limit) or "cancelled"."""

    ids: torch.Tensor
    text: str
    trace: Trace
    stop: str


class Backbone(nn.Module):
    """Base class of the backbone families.

    Attributes:
        state_size: D, width of the language model's states.
        tower_size: width of the vision tower's patches.
        layers: the candidate layer indices, ascending.
        mark_ids: token ids of ``<SEG>`` and ``<REJ>``; -1 for a mark that the model does not have.
        pad_id: the id that rows are padded with.
        tower: the vision tower.
    """

    state_size: int
    tower_size: int
    layers: tuple[int, ...]
    mark_ids: tuple[int, ...]
    pad_id: int
    tower: nn.Module

    def frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels of an image of ``size`` (H, W) -> patch grid, with the valid (unpadded) region."""
        raise TypeError(f"{type(self).__name__} does not define frame")

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, Hb, Wb)`` uint8, resized and padded; for a data worker."""
        raise TypeError(f"{type(self).__name__} does not define prepare")

    def see(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, 3, Hb, Wb)`` uint8 of images of the original ``sizes`` -> the vision tower's patches
        ``(B, N, tower_size)``, row by row."""
        raise TypeError(f"{type(self).__name__} does not define see")

    def encode_chat(self, turns: Sequence[tuple[str, str | None]]) -> Encoded:
        """Question and answer pairs -> tokens, by the tokenizer's own chat template. A last answer of None leaves the
        chat open for generation. Token spellings inside the questions are made plain text."""
        raise TypeError(f"{type(self).__name__} does not define encode_chat")

    def forward(self, batch: ChatBatch) -> ChatOutput:
        """Read packed conversations, teacher-forced."""
        raise TypeError(f"{type(self).__name__} does not define forward")

    def read(self, image: np.ndarray) -> Prefix:
        """Run system text and image once; reused by every question on the image."""
        raise TypeError(f"{type(self).__name__} does not define read")

    def generate(
        self,
        prefix: Prefix,
        turns: Sequence[tuple[str, str | None]],
        max_new_tokens: int = 128,
        on_text: Callable[[str], bool] | None = None,
    ) -> Generated:
        """Greedy answer to the last, open question, with a KV cache that starts from ``prefix``.

        ``on_text`` is called with the text so far after each token; it returns False to cancel.
        """
        raise TypeError(f"{type(self).__name__} does not define generate")

    def save(self, folder: Path, dtype: torch.dtype | None = None) -> None:
        """Write network and tokenizer to a folder."""
        raise TypeError(f"{type(self).__name__} does not define save")

    def lora_targets(self) -> str:
        """Regular expression for the projections that adapters are put on: the language model's alone."""
        raise TypeError(f"{type(self).__name__} does not define lora_targets")
