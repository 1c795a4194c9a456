"""LLaVA-1.6 (Liu et al. 2024, "LLaVA-NeXT") from the transformers classes: CLIP sees a picture whole and in tiles,
and a Vicuna reads both.

The grid of a trace is that of the tiles, without their padding: up to 48 x 48 cells of the picture's own shape, where
the whole view has 24 x 24 of a square that the picture was pressed into. The tiles' tokens also come after those of the
whole view, so their states have seen it. That view and the ends of lines are read like any other token, and are in no
trace.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from transformers import LlavaNextConfig, LlavaNextForConditionalGeneration, PreTrainedTokenizerBase
from transformers.image_processing_utils import select_best_resolution
from transformers.models.llava_next.modeling_llava_next import unpad_image

from data.geometry import Frame
from data.sample import REJ, SEG
from model.backbones._chat import taught
from model.backbones._decoder import DecoderBackbone
from model.backbones._llava import CLIP_MEAN, CLIP_STD
from model.backbones._stock import begin, configuration, read
from model.placement import PLAIN, Placement
from model.tokens import IMAGE

__all__ = ["Model", "Options", "build", "load"]

# The conversation that the Vicuna models of LLaVA-1.6 were trained with.
CHAT = (
    "{{ bos_token }}A chat between a curious human and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the human's questions.{{ ' ' }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}USER:{{ ' ' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{{ '\\n' }}{% else %}{{ part['text'] + ' ' }}{% endif %}{% endfor %}"
    "{% else %}ASSISTANT:{% generation %}{% for part in message['content'] %}{{ ' ' + part['text'] }}{% endfor %}"
    "{{ eos_token }}{% endgeneration %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        input_size: side of the tower's square input and of a tile, pixels.
        pinpoints: ``(H, W)`` that the tiles may make together; a picture gets those that show most of it.
        resample: "bilinear" or "bicubic" (the processor's).
        mean, std: of the colours, in [0, 1].
        seg, rej: how the tokenizer spells the marks; None for one that the model does not have.
        feature_layer: which of the tower's hidden states the projector reads.
        vision, text: keys of the transformers configurations, with their ``model_type``.
    """

    input_size: int = 336
    pinpoints: tuple[tuple[int, int], ...] = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))
    resample: str = "bicubic"
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    seg: str | None = SEG
    rej: str | None = REJ
    feature_layer: int = -2
    vision: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)


class LlavaNextBackbone(DecoderBackbone):
    """The parts handed in: a stock LLaVA-NeXT and a tokenizer."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        network: LlavaNextForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        options: Options,
        candidates: Callable[[int], tuple[int, ...]],
    ) -> None:
        super().__init__()
        self.network, self.options = network, options
        vision = self.network.config.vision_config
        if vision.image_size != options.input_size:
            raise ValueError(f"input_size: {options.input_size} is not the tower's image_size, {vision.image_size}")
        if any(side % options.input_size for size in options.pinpoints for side in size) or not options.pinpoints:
            raise ValueError(f"pinpoints: each side must be whole tiles of {options.input_size} pixels")
        held = [list(size) for size in options.pinpoints]
        if [list(size) for size in self.network.config.image_grid_pinpoints] != held:
            raise ValueError(f"pinpoints: {held} are not the network's image_grid_pinpoints")
        self.side: int = vision.image_size // vision.patch_size
        taught(tokenizer, CHAT)
        sizes = [(height // vision.patch_size, width // vision.patch_size) for height, width in options.pinpoints]
        most = self.side**2 + max(height * (width + 1) for height, width in sizes)
        self._begin(tokenizer, options, candidates, 1, most)
        if tokenizer.convert_tokens_to_ids(IMAGE) != self.image_id:
            raise ValueError(f"the network's image_token_id is {self.image_id}, which is not the tokenizer's {IMAGE}")
        self.register_buffer("mean", torch.tensor(options.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(options.std).view(3, 1, 1), persistent=False)

    # Pictures

    def _tiles(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of a picture's tiles."""
        height, width = select_best_resolution(size, list(self.options.pinpoints))
        return height // self.options.input_size, width // self.options.input_size

    def input_frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> all tiles together; centred, and rounded up as the processor does."""
        rows, columns = self._tiles(size)
        whole = (rows * self.options.input_size, columns * self.options.input_size)
        ratio = min(have / side for have, side in zip(whole, size, strict=True))
        content = [min(have, math.ceil(side * ratio)) for have, side in zip(whole, size, strict=True)]
        top, left = ((have - side) // 2 for have, side in zip(whole, content, strict=True))
        return Frame(size, whole, (content[1] / size[1], content[0] / size[0]), (float(left), float(top)))

    def frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> the tiles' cells, without the rows or columns that the network leaves out as padding.

        Raises:
            ValueError: the picture is so narrow that none is left.
        """
        rows, columns = self._tiles(size)
        high, wide = rows * self.side, columns * self.side
        frame = self.input_frame(size).scaled(high, wide)
        ratio = min(high / size[0], wide / size[1])
        content = [int(round(side * ratio, 7)) for side in size]
        if 0 in content:
            raise ValueError(
                f"a picture of {size[1]} x {size[0]} is too narrow for this model: it would be less than one cell of "
                f"{high} x {wide}; cut it into parts"
            )
        top, left = (high - content[0]) // 2, (wide - content[1]) // 2
        x, y = frame.offset
        return Frame(size, (high - 2 * top, wide - 2 * left), frame.scale, (x - left, y - top))

    def tokens(self, size: tuple[int, int]) -> int:
        """The whole view, then the cells, an end after each line of them."""
        height, width = self.frame(size).target
        return self.side**2 + height * (width + 1)

    def _placed(self, size: tuple[int, int]) -> torch.Tensor | slice:
        """The cells."""
        height, width = self.frame(size).target
        lines = self.side**2 + torch.arange(height)[:, None] * (width + 1)
        return (lines + torch.arange(width)).flatten()

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, (1 + tiles) S, S)`` uint8: the whole view, below it the tiles row by row;
        padding is black."""
        size, side = (image.shape[0], image.shape[1]), self.options.input_size
        whole = Frame.stretch(size, (side, side)).image(image, resample=self.options.resample)
        shown = self.input_frame(size).image(image, resample=self.options.resample)
        rows, columns = self._tiles(size)
        tiles = shown.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4).reshape(-1, side, 3)
        return torch.from_numpy(np.ascontiguousarray(np.concatenate([whole, tiles]).transpose(2, 0, 1)))

    @property
    def tower(self) -> nn.Module:  # type: ignore[override]  # a second attribute would save it twice
        """The vision tower alone."""
        return cast(nn.Module, self.network.model.vision_tower)

    def see(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, 3, (1 + tiles) S, S)`` uint8 -> the tower's patches of the cells, ``(B, N, tower_size)``, row by row.

        Raises:
            ValueError: the pictures have grids of several shapes.
        """
        if len({self.frame(size).target for size in sizes}) > 1:
            raise ValueError("pictures of several shapes cannot be seen in one batch: take a batch of 1")
        made = []
        for views, size in zip(self._seen(prepared, sizes), sizes, strict=True):
            rows, columns = self._tiles(size)
            cells = views[1:].view(rows, columns, self.side, self.side, -1).permute(4, 0, 2, 1, 3)
            made.append(unpad_image(cells.flatten(3, 4).flatten(1, 2), size).flatten(1).T)
        return torch.stack(made)

    def _seen(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> list[torch.Tensor]:
        """Of each picture the tower's patches of all views, ``(1 + tiles, side * side, tower_size)``."""
        side, counts = self.options.input_size, [1 + math.prod(self._tiles(size)) for size in sizes]
        views = [
            one[:, : count * side].unflatten(1, (count, side)).transpose(0, 1)
            for one, count in zip(prepared, counts, strict=True)
        ]
        pixels = ((torch.cat(views).float() / 255 - self.mean) / self.std).to(self.network.dtype)
        every = self.tower(pixels, output_hidden_states=True, return_dict=True).hidden_states
        return list(every[self.options.feature_layer][:, 1:].split(counts))  # without the class token

    def features(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """What the projector makes of all views, put together as the stock network does, ``(N, D)``."""
        model, seen = self.network.model, self._seen(prepared, sizes)
        projected = model.multi_modal_projector(torch.cat(seen)).split([len(views) for views in seen])
        packed, _ = model.pack_image_features(projected, sizes, "default", model.image_newline)
        return torch.cat(packed)


def build(options: Options, tokenizer: PreTrainedTokenizerBase) -> LlavaNextForConditionalGeneration:
    """A LLaVA-NeXT of random weights, its vocabulary as large as the tokenizer's unless ``text`` says otherwise."""
    ids = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    text = {"vocab_size": len(tokenizer), **ids, **options.text}
    image = cast(int, tokenizer.convert_tokens_to_ids(IMAGE))
    config = LlavaNextConfig(
        vision_config=configuration(options.vision),
        text_config=configuration(text),
        image_token_index=image,
        vision_feature_layer=options.feature_layer,
        image_grid_pinpoints=[list(size) for size in options.pinpoints],
        tie_word_embeddings=bool(text.get("tie_word_embeddings", False)),
    )
    made: Any = LlavaNextForConditionalGeneration._from_config(config)
    begin(made, made.model.multi_modal_projector.linear_2)
    return cast(LlavaNextForConditionalGeneration, made)


def load(
    folder: Path, options: Options, dtype: torch.dtype | None, placement: Placement = PLAIN
) -> LlavaNextForConditionalGeneration:
    """A LLaVA-NeXT from a folder that its own class wrote, as the hub has it: see :func:`_stock.read`.

    Raises:
        ValueError: the folder holds something else, lacks a tensor, or has one of another shape.
    """
    made = read(LlavaNextForConditionalGeneration, "llava_next", folder, options, dtype, placement)
    return cast(LlavaNextForConditionalGeneration, made)


Model = LlavaNextBackbone
