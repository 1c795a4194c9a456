"""Qwen3-VL (Bai et al. 2025) from the transformers classes: a vision tower at the picture's own shape whose earlier
layers speak too (DeepStack, Meng et al. 2024), and a Qwen3 with interleaved positions in three parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import PreTrainedTokenizerBase, Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.vision_utils import (
    get_vision_cu_seqlens,
    get_vision_interpolation_indices_and_weights,
    get_vision_position_ids,
)

from model.backbones._qwen import QwenBackbone, QwenOptions, configured, template
from model.backbones._stock import begin, read
from model.placement import PLAIN, Placement

__all__ = ["Model", "Options", "build", "load"]


@dataclass(frozen=True)
class Options(QwenOptions):
    """Settings: see :class:`QwenOptions`."""

    min_pixels: int = 256 * 256
    max_pixels: int = 4096 * 4096
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)


class Qwen3Backbone(QwenBackbone):
    """See :class:`QwenBackbone`. What the tower's earlier layers say is added to the picture's tokens between the first
    layers of the language model. The state of such a layer is taken after that: it is what the next one reads."""

    chat = template("")

    def _laid_out(self, grid: torch.Tensor) -> dict[str, torch.Tensor]:
        vision = self.network.config.vision_config
        merge, side = vision.spatial_merge_size, int(vision.num_position_embeddings**0.5)
        indices, weights = get_vision_interpolation_indices_and_weights(grid, side, spatial_merge_size=merge)
        places = {"interp_indices": indices, "interp_weights": weights}
        places["position_ids"] = get_vision_position_ids(grid, merge)
        return {name: each.to("meta") for name, each in places.items()} | {"cu_seqlens": get_vision_cu_seqlens(grid)}

    def _inputs(
        self, ids: torch.Tensor, prepared: torch.Tensor, sizes: list[tuple[int, int]]
    ) -> dict[str, torch.Tensor | list[torch.Tensor]]:
        """Words and pictures, and what is added to the pictures' tokens later."""
        seen = self._seen(prepared, sizes)
        return {
            "inputs_embeds": self._filled(ids, seen.pooler_output),
            "visual_pos_masks": ids == self.image_id,
            "deepstack_visual_embeds": seen.deepstack_features,
        }


def build(options: Options, tokenizer: PreTrainedTokenizerBase) -> Qwen3VLForConditionalGeneration:
    """A Qwen3-VL of random weights, its vocabulary as large as the tokenizer's unless ``text`` says otherwise."""
    made = Qwen3VLForConditionalGeneration._from_config(configured(Qwen3VLConfig, options, tokenizer))
    begin(made, made.model.visual.merger.linear_fc2)
    return made


def load(
    folder: Path, options: Options, dtype: torch.dtype | None, placement: Placement = PLAIN
) -> Qwen3VLForConditionalGeneration:
    """A Qwen3-VL from a folder that its own class wrote, as the hub has it: see :func:`_stock.read`.

    Raises:
        ValueError: the folder holds something else, lacks a tensor, or has one of another shape.
    """
    skip = ("model.visual", "lm_head")
    made = read(Qwen3VLForConditionalGeneration, "qwen3_vl", folder, options, dtype, placement, skip)
    return cast(Qwen3VLForConditionalGeneration, made)


Model = Qwen3Backbone
