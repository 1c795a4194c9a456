"""LLaVA (Liu et al. 2023) from the transformers classes: a vision tower (CLIP, or a convolutional one as in ConvLLaVA,
Ge et al. 2024), a projector and a Llama."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from data.geometry import Frame
from model.backbones._attention import additive
from model.backbones._decoder import DecoderBackbone
from model.backbones._llava import CLIP_MEAN, CLIP_STD, Options, build, load

__all__ = ["CLIP_MEAN", "CLIP_STD", "Model", "Options", "build", "load"]


class LlavaBackbone(DecoderBackbone):
    """The parts handed in: a stock LLaVA (never a subclass: that would skip its key conversion) and a tokenizer."""

    llava: Any  # its own annotations leave the parts of its configuration open
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        llava: LlavaForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        options: Options,
        candidates: Callable[[int], tuple[int, ...]],
    ) -> None:
        super().__init__()
        self.llava, self.options = llava, options
        vision = self.llava.config.vision_config
        side = options.input_size // vision.patch_size
        self.grid = (side, side)
        self._begin(tokenizer, options, candidates, side * side)
        if vision.image_size != options.input_size:
            raise ValueError(f"input_size: {options.input_size} is not the tower's image_size, {vision.image_size}")
        self.register_buffer("mean", torch.tensor(options.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(options.std).view(3, 1, 1), persistent=False)

    @property
    def network(self) -> Any:  # a second attribute would save it twice
        """The stock LLaVA."""
        return self.llava

    # Images

    def input_frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> the tower's input."""
        side = self.options.input_size
        if self.options.padding == "centre_crop":
            return Frame.centre_crop(size, side)
        if self.options.padding == "stretch":
            return Frame.stretch(size, (side, side))
        return Frame.letterbox(size, side, centred=self.options.padding == "letterbox")

    def frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> patch grid."""
        return self.input_frame(size).scaled(*self.grid)

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, S, S)`` uint8; padding has the mean colour, 0 after normalisation."""
        red, green, blue = (round(255 * value) for value in self.options.mean)
        frame = self.input_frame((image.shape[0], image.shape[1]))
        made = frame.image(image, (red, green, blue), self.options.resample)
        return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))

    @property
    def tower(self) -> nn.Module:  # type: ignore[override]  # a second attribute would save it twice
        """The vision tower alone."""
        return cast(nn.Module, self.llava.model.vision_tower)

    def see(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, 3, S, S)`` uint8 -> the tower's patches ``(B, N, tower_size)``, before the projector."""
        pixels = (prepared.float() / 255 - self.mean) / self.std
        if self.options.padding == "corner":  # a mean colour in whole numbers is not quite 0
            for row, size in zip(pixels, sizes, strict=True):
                _, _, right, bottom = self.input_frame(size).window
                row[:, bottom:] = 0
                row[:, :, right:] = 0
        pixels = pixels.to(self.llava.dtype, memory_format=torch.channels_last)  # convolutions run faster on it
        more = {"attention_mask": self._tower_mask(sizes)} if self.options.hide_padding else {}
        every = self.tower(pixels, output_hidden_states=True, return_dict=True, **more).hidden_states
        states = every[self.options.feature_layer]
        if states.ndim == 4:  # (B, C, h, w), from convolutions
            return cast(torch.Tensor, states.flatten(2).transpose(1, 2))
        return cast(torch.Tensor, states[:, 1:])  # without the class token

    def _shown(self, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, N)`` bool: the patches that are attended to."""
        shown = torch.ones(len(sizes), *self.grid, dtype=torch.bool)
        if self.options.hide_padding:
            for row, size in zip(shown, sizes, strict=True):
                row[:] = False
                left, top, right, bottom = self.frame(size).window
                row[top:bottom, left:right] = True
        return shown.flatten(1).to(self.llava.device)

    def _tower_mask(self, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """What is added to the tower's attention scores, ``(B, 1, 1 + N, 1 + N)``: the class token is always seen."""
        seen = functional.pad(self._shown(sizes), (1, 0), value=True)
        return additive(seen[:, None, None].expand(-1, 1, seen.shape[1], -1), self.llava.dtype)

    def features(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """What the projector makes of the patches, ``(B * N, D)``."""
        return cast(torch.Tensor, self.llava.model.multi_modal_projector(self.see(prepared, sizes)).flatten(0, 1))

    def _hidden(self, ids: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor | None:
        """``(B, T)`` bool, the placeholders of patches that show nothing of the picture."""
        if not self.options.hide_padding:
            return None
        return torch.zeros_like(ids, dtype=torch.bool).masked_scatter(ids == self.image_id, ~self._shown(sizes))


Model = LlavaBackbone
