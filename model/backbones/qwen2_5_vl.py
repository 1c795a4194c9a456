"""Qwen2.5-VL (Bai et al. 2025) from the transformers classes: a vision tower with attention in windows, at the
picture's own shape, and a Qwen2 with positions in three parts."""

from pathlib import Path
from typing import cast

import torch
from transformers import PreTrainedTokenizerBase, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.vision_utils import get_vision_cu_seqlens, get_vision_position_ids, get_vision_window_index

from model.backbones._qwen import QwenBackbone, QwenOptions, configured, template
from model.backbones._stock import begin, read
from model.placement import PLAIN, Placement

__all__ = ["Model", "Options", "build", "load"]

Options = QwenOptions


class Qwen25Backbone(QwenBackbone):
    """See :class:`QwenBackbone`."""

    chat = template("You are a helpful assistant.")

    def _laid_out(self, grid: torch.Tensor) -> dict[str, torch.Tensor]:
        vision, names = self.network.config.vision_config, ("window_index", "cu_window_seqlens")
        merge = vision.spatial_merge_size
        windows = get_vision_window_index(grid, merge, vision.window_size, vision.patch_size)
        made = dict(zip(names, windows, strict=True)) | {"cu_seqlens": get_vision_cu_seqlens(grid)}
        made["position_ids"] = get_vision_position_ids(grid, merge).to("meta")
        return made | {"window_index": made["window_index"].to("meta")}


def build(options: QwenOptions, tokenizer: PreTrainedTokenizerBase) -> Qwen2_5_VLForConditionalGeneration:
    """A Qwen2.5-VL of random weights, its vocabulary as large as the tokenizer's unless ``text`` says otherwise."""
    made = Qwen2_5_VLForConditionalGeneration._from_config(configured(Qwen2_5_VLConfig, options, tokenizer))
    begin(made, made.model.visual.merger.mlp[2])
    return made


def load(
    folder: Path, options: QwenOptions, dtype: torch.dtype | None, placement: Placement = PLAIN
) -> Qwen2_5_VLForConditionalGeneration:
    """A Qwen2.5-VL from a folder that its own class wrote, as the hub has it: see :func:`_stock.read`.

    Raises:
        ValueError: the folder holds something else, lacks a tensor, or has one of another shape.
    """
    skip = ("model.visual", "lm_head")
    made = read(Qwen2_5_VLForConditionalGeneration, "qwen2_5_vl", folder, options, dtype, placement, skip)
    return cast(Qwen2_5_VLForConditionalGeneration, made)


Model = Qwen25Backbone
