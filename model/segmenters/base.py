"""What a segmenter promises. One file of this package is one family; what composes knows only this contract."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from data.geometry import Frame
from model.prompting.base import SegPrompts


@dataclass(frozen=True)
class Features:
    """An encoded image, kept and reused for every prompt on it.

    Attributes:
        tensor: ``(1, C', h, w)`` float, the encoder's output, ``prompt_size`` channels of the grid first.
        frame: original pixels -> the encoder's input pixels.
    """

    tensor: torch.Tensor
    frame: Frame


@dataclass(frozen=True)
class Masks:
    """Decoded masks of S prompts on one image, M candidates each (1, or 3 with ``multimask``).

    Attributes:
        low: ``(S, M, Hm, Wm)`` float logits in the mask-prompt frame, padding included; feed one back to refine.
        iou: ``(S, M)`` float, the segmenter's own estimate of each mask's IoU.
    """

    low: torch.Tensor
    iou: torch.Tensor


def precise(tensor: torch.Tensor) -> AbstractContextManager[object]:
    """Without autocast where this tensor is: positions are encoded by high frequencies, and half precision would move a
    point by pixels. Where there are but shapes (the meta device), torch knows no autocast."""
    return nullcontext() if tensor.is_meta else torch.autocast(tensor.device.type, enabled=False)


class Segmenter(nn.Module):
    """Base class of the segmenter families.

    Attributes:
        prompt_size: C, width of a sparse prompt embedding.
        input_size: side of the square encoder input, pixels.
        mask_size: side of the square mask prompt and of the low-resolution logits.
        encoder: the image encoder alone, which :meth:`encode` calls once.
        scores: how many of its widest attention the encoder holds at once, of one picture; 0 where a kernel never does.
    """

    prompt_size: int
    input_size: int
    mask_size: int
    encoder: nn.Module
    scores: int = 0

    def frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels of an image of ``size`` (H, W) -> encoder input pixels."""
        raise TypeError(f"{type(self).__name__} does not define frame")

    def patch_frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> the grid of the features."""
        raise TypeError(f"{type(self).__name__} does not define patch_frame")

    def mask_frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> the mask-prompt frame."""
        raise TypeError(f"{type(self).__name__} does not define mask_frame")

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, input_size, input_size)`` uint8, resized and padded; for a data worker."""
        raise TypeError(f"{type(self).__name__} does not define prepare")

    def encode(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> list[Features]:
        """``(B, 3, input_size, input_size)`` uint8 of images of the original ``sizes`` -> features of each."""
        raise TypeError(f"{type(self).__name__} does not define encode")

    def decode(self, features: Features, prompts: SegPrompts, multimask: bool = False) -> Masks:
        """Masks of all prompts on one image, in one pass."""
        raise TypeError(f"{type(self).__name__} does not define decode")

    def upscale(self, low: torch.Tensor, features: Features) -> torch.Tensor:
        """``(..., Hm, Wm)`` low-resolution logits -> ``(..., H, W)`` logits in original pixels."""
        raise TypeError(f"{type(self).__name__} does not define upscale")
