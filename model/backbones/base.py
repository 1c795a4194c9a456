"""What a multimodal language model promises. One file of this package is one family.

The code that composes knows only this contract: chats go in, text and traces come out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from data.geometry import Frame
from model.memory import Sized
from model.tracing import Trace


@dataclass(frozen=True)
class Encoded:
    """One conversation as tokens.

    Attributes:
        ids: ``(T,)`` int64; image placeholders already expanded, or one where their number depends on the picture's
            size, which is not known here.
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
        prepared: ``(B, 3, Hb, Wb)`` uint8 images as :meth:`Backbone.prepare` gives them; of several shapes, smaller
            ones stand in the upper left corner.
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
class Talk:
    """The tokens after an image that were read or written last, ``ids`` (T,) int64, with their keys and values: what a
    later turn of the same conversation need not compute again."""

    ids: torch.Tensor
    cache: Sized


@dataclass(frozen=True)
class Prefix:
    """An image already read.

    Attributes:
        cache: keys and values of system text and image, in whatever form a family keeps them.
        seen: ``(T,)`` bool, which of these positions later tokens see.
        states: ``(L, N, D)``, of the image tokens.
        frame: original pixels -> patch grid.
        talk: what was said about it last, if that is kept.
    """

    cache: Sized
    seen: torch.Tensor
    states: torch.Tensor
    frame: Frame
    talk: Talk | None = None

    @property
    def bytes(self) -> int:
        """What it holds."""
        said = 0 if self.talk is None else self.talk.ids.nbytes + self.talk.cache.bytes
        return self.cache.bytes + self.seen.nbytes + self.states.nbytes + said


@dataclass(frozen=True)
class Generated:
    """A generated answer: ``ids`` (T,) int64 without the end mark, its ``text`` with marks in it, the ``trace``,
    ``stop``: "end" (the model ended it), "length" (cut at the limit) or "cancelled"; the ``talk`` so far; and the
    ``asked`` (Q,) int64 ids between the image and the answer."""

    ids: torch.Tensor
    text: str
    trace: Trace
    stop: str
    talk: Talk | None = None
    asked: torch.Tensor | None = None


Pick = Callable[[torch.Tensor], torch.Tensor]  # logits (B, V) of the next tokens -> their ids (B,) int64


class Backbone(nn.Module):
    """Base class of the backbone families.

    Attributes:
        state_size: D, width of the language model's states.
        tower_size: width of the vision tower's patches.
        layers: the candidate layer indices, ascending.
        mark_ids: token ids of ``<SEG>`` and ``<REJ>``; -1 for a mark that the model does not have.
        pad_id: the id that rows are padded with.
        eos_id: the id that ends an answer.
        image_id: the id of a picture's placeholder.
        tokenizer: of the language model.
        tower: the vision tower.
    """

    state_size: int
    tower_size: int
    layers: tuple[int, ...]
    mark_ids: tuple[int, ...]
    pad_id: int
    eos_id: int
    image_id: int
    tokenizer: PreTrainedTokenizerBase
    tower: nn.Module

    def attend(self, how: str) -> None:
        """Choose how the language model computes attention in use: "sdpa", "eager", "products" or
        "flash_attention_2"."""
        raise TypeError(f"{type(self).__name__} does not define attend")

    def choose_layers(self, candidates: Callable[[int], tuple[int, ...]]) -> None:
        """Keep the states of these layers from now on: ``candidates`` is told how many states there are (layers + 1)
        and gives the indices of those to keep."""
        raise TypeError(f"{type(self).__name__} does not define choose_layers")

    def input_frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels of an image of ``size`` (H, W) -> pixels of what the vision tower is given."""
        raise TypeError(f"{type(self).__name__} does not define input_frame")

    def frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels of an image of ``size`` (H, W) -> patch grid, with the valid (unpadded) region."""
        raise TypeError(f"{type(self).__name__} does not define frame")

    def tokens(self, size: tuple[int, int]) -> int:
        """How many tokens a picture of the original ``size`` (H, W) takes in a conversation."""
        raise TypeError(f"{type(self).__name__} does not define tokens")

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, Hb, Wb)`` uint8, resized, and padded where a family does that; for a data
        worker."""
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

    def reread(self, image: np.ndarray, said: torch.Tensor) -> Trace:
        """What every layer had in mind where an answer was at a mark: its trace at all layers, of that one mark.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            said: ``(T,)`` int64, the ids after the image up to the one that predicts the mark.
        """
        raise TypeError(f"{type(self).__name__} does not define reread")

    def generate(
        self,
        prefixes: Sequence[Prefix],
        conversations: Sequence[Sequence[tuple[str, str | None]]],
        max_new_tokens: int = 128,
        on_text: Callable[[int, str], bool] | None = None,
        pick: Pick | None = None,
    ) -> list[Generated]:
        """Answers to the last, open question of each conversation, written together, each until it ends. A greedy
        answer is the same whatever else is in the batch.

        Args:
            prefixes: the image of each conversation, as :meth:`read` gave it; several may share one. With the ``talk``
                of an earlier answer in it, what the conversation shares with that is not computed again.
            conversations: question and answer pairs, the last answer None.
            max_new_tokens: where an answer is cut.
            on_text: called with an answer's number and its text so far after each of its tokens; returns False to
                cancel that one.
            pick: chooses the next tokens; the likeliest ones if None.
        """
        raise TypeError(f"{type(self).__name__} does not define generate")

    def save(self, folder: Path, dtype: torch.dtype | None = None) -> None:
        """Write network and tokenizer to a folder."""
        raise TypeError(f"{type(self).__name__} does not define save")

    @property
    def is_tied(self) -> bool:
        """Whether the embedding and the head are one."""
        raise TypeError(f"{type(self).__name__} does not define is_tied")

    def recompute(self) -> None:
        """From now on, run the language model's layers again in the backward pass instead of keeping what they
        compute."""
        raise TypeError(f"{type(self).__name__} does not define recompute")

    def lora_targets(self) -> str:
        """Regular expression for the projections that adapters are put on: the language model's alone."""
        raise TypeError(f"{type(self).__name__} does not define lora_targets")
