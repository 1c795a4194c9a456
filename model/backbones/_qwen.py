"""What the families of Qwen-VL share: a picture at its own shape, and positions that say where in it a token is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from data.geometry import Frame
from data.sample import REJ, SEG
from model.backbones._chat import taught
from model.backbones._decoder import DecoderBackbone
from model.backbones._llava import CLIP_MEAN, CLIP_STD
from model.tokens import IMAGE

NARROWEST = 200  # times that a picture's longer side may be the shorter; the processor refuses others


@dataclass(frozen=True)
class QwenOptions:
    """Settings.

    Attributes:
        min_pixels, max_pixels: a picture is resized to so many pixels at least and at most, its sides to whole cells.
        square: a side that every picture is stretched to instead, its shape lost; whole cells.
        resample: "bilinear" or "bicubic" (Qwen's processor).
        mean, std: of the colours, in [0, 1].
        seg, rej: how the tokenizer spells the marks; None for one that the model does not have.
        image: how it spells the placeholder of a picture; a tokenizer of ours, which lacks that, says ``<image>``.
        vision, text: keys of the transformers configurations.
    """

    min_pixels: int = 56 * 56
    max_pixels: int = 12845056
    square: int | None = None
    resample: str = "bicubic"
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    seg: str | None = SEG
    rej: str | None = REJ
    image: str = "<|image_pad|>"
    vision: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)


def template(system: str) -> str:
    """Qwen's conversation (ChatML) as a Jinja template, what is learned between generation marks; ``system`` is what it
    begins with, if anything."""
    begins = "<|im_start|>system{{ '\\n' }}" + system + "<|im_end|>{{ '\\n' }}" if system else ""
    return begins + (
        "{% for message in messages %}<|im_start|>{{ message['role'] + '\\n' }}"
        "{% if message['role'] == 'user' %}"
        "{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}"
        "{% endif %}{% endfor %}<|im_end|>"
        "{% else %}{% generation %}"
        "{% for part in message['content'] %}{{ part['text'] }}{% endfor %}<|im_end|>"
        "{% endgeneration %}{% endif %}{{ '\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{{ '\\n' }}{% endif %}"
    )


def _placeholder(options: QwenOptions, tokenizer: PreTrainedTokenizerBase) -> str:
    return options.image if options.image in tokenizer.get_vocab() else IMAGE


def configured(kind: Any, options: QwenOptions, tokenizer: PreTrainedTokenizerBase) -> Any:
    """A configuration of the class ``kind``, its vocabulary as large as the tokenizer's unless ``text`` says
    otherwise."""
    ids = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    text = {"vocab_size": len(tokenizer), **ids, **options.text}
    return kind(
        vision_config={"out_hidden_size": text["hidden_size"], **options.vision},
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids(_placeholder(options, tokenizer)),
        tie_word_embeddings=bool(text.get("tie_word_embeddings", False)),
    )


class QwenBackbone(DecoderBackbone):
    """The parts handed in: a stock Qwen-VL and a tokenizer. A token of a picture is a cell of merged patches, 28 x 28
    pixels of what the tower sees in Qwen2.5-VL and 32 x 32 in Qwen3-VL; the grid has the picture's own shape."""

    chat: ClassVar[str]
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        network: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        options: QwenOptions,
        candidates: Callable[[int], tuple[int, ...]],
    ) -> None:
        super().__init__()
        self.network, self.options = network, options
        vision = self.network.config.vision_config
        self.cell: int = vision.patch_size * vision.spatial_merge_size
        if not self.cell**2 <= options.max_pixels >= options.min_pixels:
            raise ValueError(
                f"max_pixels: {options.max_pixels} is less than min_pixels or than a cell of {self.cell} x {self.cell}"
            )
        square = options.square or 0
        if square < 0 or square % self.cell:
            raise ValueError(f"square: {square} is no whole number of cells of {self.cell} pixels")
        taught(tokenizer, self.chat)
        image, most = _placeholder(options, tokenizer), max(options.max_pixels, square**2) // self.cell**2
        self._begin(tokenizer, options, candidates, 1, most, image)
        if tokenizer.convert_tokens_to_ids(image) != self.image_id:
            raise ValueError(f"the network's image_token_id is {self.image_id}, which is not the tokenizer's {image}")
        self.tower_size = vision.out_hidden_size
        self.register_buffer("mean", torch.tensor(options.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(options.std).view(3, 1, 1), persistent=False)

    # Pictures

    def input_frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> the tower's input.

        Raises:
            ValueError: the picture is too narrow.
        """
        if self.options.square:
            return Frame.stretch(size, (self.options.square, self.options.square))
        if max(size) > NARROWEST * min(size):
            raise ValueError(
                f"a picture of {size[1]} x {size[0]} is too narrow for this model: its longer side may be {NARROWEST} "
                "times the shorter; cut it into parts"
            )
        target = smart_resize(*size, self.cell, self.options.min_pixels, self.options.max_pixels)
        return Frame.stretch(size, target)

    def frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> the grid of cells."""
        frame = self.input_frame(size)
        return frame.scaled(frame.target[0] // self.cell, frame.target[1] // self.cell)

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, Hb, Wb)`` uint8, whole cells."""
        made = self.input_frame((image.shape[0], image.shape[1])).image(image, resample=self.options.resample)
        return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))

    @property
    def tower(self) -> nn.Module:  # type: ignore[override]  # a second attribute would save it twice
        """The vision tower, with what merges its patches."""
        return cast(nn.Module, self.network.model.visual)

    def see(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, 3, Hb, Wb)`` uint8 -> the cells ``(B, N, tower_size)``, row by row.

        Raises:
            ValueError: the pictures have grids of several shapes.
        """
        if len({self.frame(size).target for size in sizes}) > 1:
            raise ValueError("pictures of several shapes cannot be seen in one batch: take a batch of 1")
        return self.features(prepared, sizes).unflatten(0, (len(sizes), -1))

    def _seen(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> Any:
        """The tower's output for all pictures end to end."""
        vision, rows, grids = self.network.config.vision_config, [], []
        for one, size in zip(prepared, sizes, strict=True):
            height, width = self.input_frame(size).target  # the rest of the batch's room is padding
            pixels = (one[:, :height, :width].float() / 255 - self.mean) / self.std
            rows.append(_patches(pixels, vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size))
            grids.append([1, height // vision.patch_size, width // vision.patch_size])
        grid = torch.tensor(grids, device="cpu" if prepared.is_meta else prepared.device)
        known = self._laid_out(grid) if prepared.is_meta else {}
        return self.tower(torch.cat(rows).to(self.network.dtype), grid_thw=grid, return_dict=True, **known)

    def _laid_out(self, grid: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the tower reads from a ``(B, 3)`` grid, for pictures on the meta device: indices and positions without
        numbers, lengths with theirs."""
        raise TypeError(f"{type(self).__name__} does not define _laid_out")

    def features(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """The merged cells, ``(N, D)``."""
        return cast(torch.Tensor, self._seen(prepared, sizes).pooler_output)

    # Positions

    def places(self, positions: torch.Tensor, ids: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """M-RoPE (Qwen2-VL, Wang et al. 2024, section 2.1): ``(3, B, T)`` int64, time, row and column. A picture's
        tokens share one time, and words go on after the longer of its sides."""
        made = positions[None].repeat(3, 1, 1)
        for row, size in enumerate(sizes):
            image, (height, width) = ids[row] == self.image_id, self.frame(size).target
            start = positions[row][image][0]
            made[:, row] += self._shift(size) * (positions[row] >= start + height * width)
            across, down = (torch.arange(side, device=ids.device) for side in (width, height))
            made[0, row, image] = start
            made[1, row, image] = start + down.repeat_interleave(width)
            made[2, row, image] = start + across.repeat(height)
        return made

    def _after(self, positions: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(3, B, Q)`` int64 of words; padding before them may come out below 0, and counts as 0."""
        shifts = torch.tensor([[self._shift(size)] for size in sizes], device=positions.device)
        return (positions + shifts).clamp(min=0).expand(3, -1, -1)

    def _shift(self, size: tuple[int, int]) -> int:
        """How much less a picture takes of positions than of tokens."""
        height, width = self.frame(size).target
        return max(height, width) - height * width


def _patches(pixels: torch.Tensor, patch: int, merge: int, times: int) -> torch.Tensor:
    """``(3, H, W)`` -> ``(N, 3 * times * patch * patch)``, as Qwen's processor has them: the patches of a cell one
    after another, each as often as a video has frames in a patch."""
    side = patch * merge
    rows, columns = pixels.shape[1] // side, pixels.shape[2] // side
    cut = pixels.reshape(3, rows, merge, patch, columns, merge, patch).permute(1, 4, 2, 5, 0, 3, 6)
    return cut[:, :, :, :, :, None].expand(-1, -1, -1, -1, -1, times, -1, -1).reshape(rows * columns * merge**2, -1)
