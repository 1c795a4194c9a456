"""Prompting channels: from the language model's states to prompts for a segmenter.

A paradigm is a list of channels, written in a preset. A channel is one file of this package, found by its name: it
holds a frozen dataclass ``Options`` (its settings, typed) and a class ``Channel(ChannelBase)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import nn

from data.geometry import Frame
from model.coordinates import Box


@dataclass(frozen=True)
class SegPrompts:
    """Prompts for S masks of one image. Each part is optional; :meth:`merge` joins what several channels give.

    Attributes:
        embeddings: ``(S, K, C)`` float, appended last to the segmenter's sparse prompts.
        points: ``(S, P, 2)`` float32, XY, original pixels (an integer is a pixel's centre).
        labels: ``(S, P)`` int64: 1 inside, 0 outside, -1 no point.
        mask: ``(S, 1, Hm, Wm)`` float, in the segmenter's mask-prompt frame (padding included). From the mask channel:
            the similarity map in [0, 1], padded with 0. From an earlier mask: the segmenter's own low-resolution
            logits.
        boxes: ``(S, 4)`` float32, XYXY, original pixels.
    """

    embeddings: torch.Tensor | None = None
    points: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    boxes: torch.Tensor | None = None

    def part(self) -> torch.Tensor:
        """One of the parts, any: its length is S.

        Raises:
            ValueError: there is none.
        """
        for part in (self.points, self.boxes, self.mask, self.embeddings):
            if part is not None:
                return part
        raise ValueError("nothing to prompt the segmenter with: give points, a box, a mask or an embedding")

    def merge(self, other: "SegPrompts") -> "SegPrompts":
        """Join two sets of prompts for the same S masks.

        Embeddings and points are concatenated; a mask or boxes given by both is an error.

        Raises:
            ValueError: both give a mask, or both give boxes.
        """
        joined: dict[str, torch.Tensor | None] = {}
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine is None or theirs is None:
                joined[field.name] = theirs if mine is None else mine
            elif field.name in ("mask", "boxes"):
                raise ValueError(f"two channels give a {field.name} prompt for the same <SEG>: keep one of them")
            else:
                joined[field.name] = torch.cat([mine, theirs], dim=1)
        return replace(self, **joined)

    @classmethod
    def stacked(cls, several: Sequence["SegPrompts"]) -> "SegPrompts":
        """The prompts of several lots of masks of one image, made by the same channels, as those of one lot."""
        rows = {f.name: [getattr(prompts, f.name) for prompts in several] for f in fields(cls)}
        return cls(**{name: None if parts[0] is None else torch.cat(parts) for name, parts in rows.items()})

    def select(self, index: torch.Tensor) -> "SegPrompts":
        """The prompts of the masks in ``index`` (bool or int64) alone."""
        return SegPrompts(**{f.name: None if (t := getattr(self, f.name)) is None else t[index] for f in fields(self)})

    def on(self, device: str | torch.device) -> "SegPrompts":
        """The same on a device."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return SegPrompts(**{name: None if part is None else part.to(device) for name, part in parts.items()})

    def repeated(self, times: int) -> "SegPrompts":
        """The same prompts with each point given several times."""
        points, labels = self.points, self.labels
        if points is None or labels is None:
            return self
        return replace(self, points=points.repeat(1, times, 1), labels=labels.repeat(1, times))

    def corrected(self, points: torch.Tensor, labels: torch.Tensor, low: torch.Tensor) -> "SegPrompts":
        """The same prompts with clicks added and an earlier mask in place of the mask prompt.

        Args:
            points: ``(S, P, 2)`` float32, XY, original pixels.
            labels: ``(S, P)`` int64 in {1, 0}.
            low: ``(S, 1, Hm, Wm)`` float, the earlier mask's low-resolution logits.
        """
        return replace(self, mask=None).merge(SegPrompts(points=points, labels=labels, mask=low))


@dataclass(frozen=True)
class Evidence:
    """What the channels work from, for S marks of one image.

    Attributes:
        states: ``(S, D)`` float, the state of each mark that an embedding is made of.
        maps: ``(S, h, w)`` float in [0, 1], its min-max similarity to the image tokens (0 outside the valid region).
        frame: original pixels -> patch grid.
        input_frame: original pixels -> the segmenter's input.
        mask_frame: original pixels -> the segmenter's mask-prompt frame.
        published: the system whose published mappings are to be kept (see model/published.py), or None.
    """

    states: torch.Tensor
    maps: torch.Tensor
    frame: Frame
    input_frame: Frame
    mask_frame: Frame
    published: str | None = None


@dataclass(frozen=True)
class Spoken:
    """A target whose place stands in the answer's own words, without a mark.

    Attributes:
        phrase: its words.
        rejected: the answer says that it is not in the image.
        prompts: for it alone (S = 1).
        span: of characters, what stands for it in the answer; the spans of an answer follow one another.
    """

    phrase: str
    rejected: bool
    prompts: SegPrompts
    span: tuple[int, int]


@dataclass(frozen=True)
class Heard:
    """What was heard in an answer: its targets, and plain lines on what was out of the ordinary."""

    targets: tuple[Spoken, ...] = ()
    notes: tuple[str, ...] = ()


class ChannelBase(nn.Module):
    """One way to prompt. ``state_size`` is D of the language model, ``prompt_size`` is C of the segmenter.

    Attributes:
        listens: it takes its prompts from the words of the answer (:meth:`hear`) and not from marks; then it is the
            model's only channel.
    """

    listens = False

    def __init__(self, options: Any, state_size: int, prompt_size: int) -> None:
        super().__init__()
        self.options = options

    def check(self, grid: tuple[int, int]) -> None:
        """See that its settings, which a person may have moved, suit maps of ``grid`` (h, w).

        Raises:
            ValueError: they do not.
        """

    def forward(self, evidence: Evidence) -> SegPrompts:
        raise TypeError(f"{type(self).__module__} does not define forward")

    def put(self, question: str) -> str:
        """A person's question as the language model is asked it."""
        return question

    def hear(self, text: str, question: str, frame: Frame) -> Heard:
        """What an answer asks to be drawn, for a channel that :attr:`listens`.

        Args:
            text: the answer.
            question: as the person asked it.
            frame: original pixels -> the language model's input.
        """
        raise TypeError(f"{type(self).__module__} does not define hear")

    def check_taught(self) -> None:
        """See that a channel that :attr:`listens` can be told the answers to learn.

        Raises:
            ValueError: its answers hold more than what is known.
        """

    def say(self, labels: Sequence[str], boxes: Sequence[Box | None], frame: Frame) -> str:
        """The answer to learn, of a channel that :attr:`listens`.

        Args:
            labels: of the targets.
            boxes: theirs, left, top, right, bottom in original pixels, an integer the centre of one; None where a
                target is not there.
            frame: original pixels -> the language model's input.
        """
        raise TypeError(f"{type(self).__module__} does not define say")
