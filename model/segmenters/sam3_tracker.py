"""The promptable half of Segment Anything 3 (Carion et al. 2025), its tracker on one picture, from the transformers
classes. The other half, which looks for what a noun phrase names, is not here: words are the language model's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import Sam3TrackerConfig, Sam3TrackerModel

from model.segmenters._sam2 import TransformersSegmenter, check, drawing, drawing_options, drawn, read

HUB = ("sam3_tracker", "sam3_tracker_video", "sam3_video")  # what config.json of a released folder calls itself
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
SCALES = [4.0, 2.0, 1.0]  # of the three levels; the half one is the detector's


@dataclass(frozen=True)
class Options:
    """Sizes; the defaults are those of the released SAM 3.

    Attributes:
        input_size, patch_size: of the encoder's input and of its cells, pixels.
        width, depth, heads, mlp: of the encoder.
        window: side of the windows that blocks attend within, cells; ``global_layers`` attend over the whole picture.
        pretrained: side of the picture that the position embedding is of, pixels; it is repeated over larger ones.
        prompt_size: C.
        dynamic: in use, a single mask that is unstable gives way to the best of three, as with SAM 2.
    """

    input_size: int = 1008
    patch_size: int = 14
    width: int = 1024
    depth: int = 32
    heads: int = 16
    mlp: int = 4736
    window: int = 24
    global_layers: tuple[int, ...] = (7, 15, 23, 31)
    pretrained: int = 336
    prompt_size: int = 256
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    dynamic: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for sizes that make no network."""
        if self.input_size % self.patch_size or self.pretrained % self.patch_size:
            raise ValueError(
                f"sam3_tracker: input_size {self.input_size} and pretrained {self.pretrained} must be multiples of "
                f"patch_size {self.patch_size}"
            )


class Sam3TrackerSegmenter(TransformersSegmenter):
    """SAM 3's tracker, with random weights unless a stock model is handed in.

    The stock class for pictures adds the embedding "no earlier frame" to a level that it then leaves out (transformers
    5.23); the one for videos adds it to the coarsest level in use, as is done here.
    """

    def __init__(self, options: Options, stock: Any = None) -> None:
        stock = drawn(Sam3TrackerModel(configured(options))) if stock is None else stock
        super().__init__(stock, options, options.input_size, options.patch_size, MEAN, STD)


Model = Sam3TrackerSegmenter


def configured(options: Options) -> Sam3TrackerConfig:
    """The stock configuration of these sizes."""
    grid = options.input_size // options.patch_size
    return Sam3TrackerConfig(
        vision_config={
            "model_type": "sam3_vision_model",
            "backbone_config": {
                "model_type": "sam3_vit_model",
                "hidden_size": options.width,
                "intermediate_size": options.mlp,
                "num_hidden_layers": options.depth,
                "num_attention_heads": options.heads,
                "image_size": options.input_size,
                "patch_size": options.patch_size,
                "window_size": options.window,
                "global_attn_indexes": list(options.global_layers),
                "pretrain_image_size": options.pretrained,
            },
            "fpn_hidden_size": options.prompt_size,
            "backbone_feature_sizes": [[side, side] for side in (4 * grid, 2 * grid, grid)],
            "scale_factors": SCALES,
        },
        **drawing(options, options.patch_size),
    )


def from_hub(folder: Path) -> Sam3TrackerSegmenter:
    """A released SAM 3 from its folder in the hub's format; of the detector only the shared encoder is read.

    Raises:
        ValueError: a file is missing or damaged, or the sizes are not of this family.
    """
    stock: Any = read(Sam3TrackerModel, folder)
    vision, decoder = stock.config.vision_config, stock.config.mask_decoder_config
    trunk = vision.backbone_config
    neck = stock.vision_encoder.neck
    neck.fpn_layers, vision.scale_factors = neck.fpn_layers[:3], vision.scale_factors[:3]
    options = Options(
        input_size=trunk.image_size,
        patch_size=trunk.patch_size,
        width=trunk.hidden_size,
        depth=trunk.num_hidden_layers,
        heads=trunk.num_attention_heads,
        mlp=trunk.intermediate_size,
        window=trunk.window_size,
        global_layers=tuple(trunk.global_attn_indexes),
        pretrained=trunk.pretrain_image_size,
        **drawing_options(decoder),
    )
    check(folder, stock.config, configured(options))
    return Sam3TrackerSegmenter(options, stock)
