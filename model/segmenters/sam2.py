"""Segment Anything 2 and 2.1 (Ravi et al. 2024) on pictures, from the transformers classes.

Of the two only the video's memory differs, which pictures do without.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import Sam2Config, Sam2Model

from model.segmenters._sam2 import TransformersSegmenter, check, drawing, drawing_options, drawn, read

HUB = ("sam2", "sam2_video")  # what config.json of a released folder calls itself
PATCH = 4  # pixels; each stage after the first halves the grid, and features are those of the last but one
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Options:
    """Sizes; the defaults are those of SAM 2.1 large.

    Attributes:
        input_size: side of the encoder's input, pixels: a multiple of 32.
        width, heads: of the first stage; each further one has twice as many.
        blocks, windows: of each stage: how many blocks, and the side of the windows that they attend within.
        global_layers: blocks that attend over the whole picture, counted through all stages.
        background: side of the coarse position embedding, which is repeated window by window.
        prompt_size: C.
        dynamic: in use, a single mask that is unstable (a small change of the threshold changes its area by more than
            2%) gives way to the best of three, as released. Turn it off for a decoder that learned from embeddings.
    """

    input_size: int = 1024
    width: int = 144
    heads: int = 2
    blocks: tuple[int, ...] = (2, 6, 36, 4)
    windows: tuple[int, ...] = (8, 4, 16, 8)
    global_layers: tuple[int, ...] = (23, 33, 43)
    background: int = 7
    prompt_size: int = 256
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    dynamic: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for sizes that make no network."""
        if len(self.blocks) != 4 or len(self.windows) != 4:
            raise ValueError(f"sam2: blocks {self.blocks} and windows {self.windows} must be of four stages")
        if self.input_size % 32:
            raise ValueError(f"sam2: input_size {self.input_size} is no multiple of 32")


class Sam2Segmenter(TransformersSegmenter):
    """SAM 2, with random weights unless a stock model is handed in."""

    def __init__(self, options: Options, stock: Any = None) -> None:
        stock = drawn(Sam2Model(configured(options))) if stock is None else stock
        super().__init__(stock, options, options.input_size, 4 * PATCH, MEAN, STD)


Model = Sam2Segmenter


def configured(options: Options) -> Sam2Config:
    """The stock configuration of these sizes."""
    stages = range(len(options.blocks))
    widths = [options.width * 2**stage for stage in stages]
    cells = [options.input_size // PATCH // 2**stage for stage in stages[:3]]
    return Sam2Config(
        vision_config={
            "model_type": "sam2_vision_model",
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": options.width,
                "num_attention_heads": options.heads,
                "image_size": [options.input_size] * 2,
                "window_positional_embedding_background_size": [options.background] * 2,
                "blocks_per_stage": list(options.blocks),
                "embed_dim_per_stage": widths,
                "num_attention_heads_per_stage": [options.heads * 2**stage for stage in stages],
                "window_size_per_stage": list(options.windows),
                "global_attention_blocks": list(options.global_layers),
            },
            "backbone_channel_list": widths[::-1],
            "backbone_feature_sizes": [[side, side] for side in cells],
            "fpn_hidden_size": options.prompt_size,
        },
        **drawing(options, 4 * PATCH),
    )


def from_hub(folder: Path) -> Sam2Segmenter:
    """A released SAM 2 or 2.1 from its folder in the hub's format.

    Raises:
        ValueError: a file is missing or damaged, or the sizes are not of this family.
    """
    stock: Any = read(Sam2Model, folder)
    trunk, decoder = stock.config.vision_config.backbone_config, stock.config.mask_decoder_config
    options = Options(
        input_size=stock.config.prompt_encoder_config.image_size,
        width=trunk.hidden_size,
        heads=trunk.num_attention_heads,
        blocks=tuple(trunk.blocks_per_stage),
        windows=tuple(trunk.window_size_per_stage),
        global_layers=tuple(trunk.global_attention_blocks),
        background=trunk.window_positional_embedding_background_size[0],
        **drawing_options(decoder),
    )
    check(folder, stock.config, configured(options))
    return Sam2Segmenter(options, stock)
