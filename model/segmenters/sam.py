"""The Segment Anything Model (Kirillov et al. 2023), from the segment-anything package's own modules."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from data.geometry import Frame
from model.prompting.base import SegPrompts
from model.segmenters._segment_anything import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from model.segmenters.base import Features, Masks, Segmenter, precise

# Of the feature grid, times masks: what a CPU decodes at once. Beyond it the maps do not fit its caches: 16 masks on
# 64 x 64 cells take three times as long in one lot as in lots of two.
CELLS = 2 * 64 * 64


@dataclass(frozen=True)
class Options:
    """Sizes; the defaults are ViT-H's. ``global_layers`` attend over the whole image, the others within windows."""

    input_size: int = 1024
    patch_size: int = 16
    width: int = 1280
    depth: int = 32
    heads: int = 16
    window: int = 14
    global_layers: tuple[int, ...] = (7, 15, 23, 31)
    prompt_size: int = 256
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048


class SamSegmenter(Segmenter):
    """SAM. Parameter names are those of the released checkpoints (``image_encoder.``, ``prompt_encoder.``,
    ``mask_decoder.``), so ``load_state_dict`` takes them as they are."""

    pixel_mean: torch.Tensor
    pixel_std: torch.Tensor

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.prompt_size, self.input_size = options.prompt_size, options.input_size
        self.grid = grid = options.input_size // options.patch_size
        self.mask_size, self.scores = 4 * grid, options.heads * grid**4
        self.image_encoder = ImageEncoderViT(
            img_size=options.input_size,
            patch_size=options.patch_size,
            embed_dim=options.width,
            depth=options.depth,
            num_heads=options.heads,
            mlp_ratio=4,
            out_chans=options.prompt_size,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=options.window,
            global_attn_indexes=options.global_layers,
        )
        self.prompt_encoder = PromptEncoder(
            embed_dim=options.prompt_size,
            image_embedding_size=(grid, grid),
            input_image_size=(options.input_size, options.input_size),
            mask_in_chans=16,
        )
        self.mask_decoder = MaskDecoder(
            transformer_dim=options.prompt_size,
            transformer=TwoWayTransformer(
                depth=options.decoder_depth,
                embedding_dim=options.prompt_size,
                num_heads=options.decoder_heads,
                mlp_dim=options.decoder_mlp,
            ),
            iou_head_hidden_dim=options.prompt_size,
        )
        self.register_buffer("pixel_mean", torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1), persistent=False)

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]  # a second attribute would save it twice
        """The image encoder alone."""
        return self.image_encoder

    def frame(self, size: tuple[int, int]) -> Frame:
        """Longest side to ``input_size``, padded below and to the right."""
        return Frame.letterbox(size, self.input_size)

    def patch_frame(self, size: tuple[int, int]) -> Frame:
        """The same at one cell a patch."""
        return self.frame(size).scaled(self.grid, self.grid)

    def mask_frame(self, size: tuple[int, int]) -> Frame:
        """The same at ``mask_size``."""
        return self.frame(size).scaled(self.mask_size, self.mask_size)

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, input_size, input_size)`` uint8."""
        made = self.frame((image.shape[0], image.shape[1])).image(image)
        return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))

    def encode(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> list[Features]:
        """Features of each image, ``(1, C, h, w)``. The padding is zero *after* normalisation, as SAM has it."""
        frames = [self.frame(size) for size in sizes]
        pixels = (prepared.float() - self.pixel_mean) / self.pixel_std
        for row, frame in zip(pixels, frames, strict=True):
            _, _, right, bottom = frame.window
            row[:, bottom:] = 0
            row[:, :, right:] = 0
        tensor = self.image_encoder(pixels.to(self.image_encoder.pos_embed.dtype))
        return [Features(row[None], frame) for row, frame in zip(tensor, frames, strict=True)]

    def decode(self, features: Features, prompts: SegPrompts, multimask: bool = False) -> Masks:
        """All masks of one image in one pass; embeddings come last among the sparse prompts (LISA).

        Raises:
            ValueError: there is no prompt at all.
        """
        with precise(features.tensor):
            sparse, dense = self.embed(features.frame, prompts)
            position = self.prompt_encoder.get_dense_pe()
        if not len(sparse):
            none = features.tensor.new_zeros
            return Masks(none(0, 3 if multimask else 1, self.mask_size, self.mask_size), none(0, 3 if multimask else 1))
        lot = len(sparse)
        if sparse.device.type == "cpu":
            lot = max(1, CELLS // self.grid**2)
        pairs = zip(sparse.split(lot), dense.split(lot), strict=True)
        made = [
            self.mask_decoder(
                image_embeddings=features.tensor,
                image_pe=position,
                sparse_prompt_embeddings=some,
                dense_prompt_embeddings=maps,
                multimask_output=multimask,
            )
            for some, maps in pairs
        ]
        low, iou = (torch.cat(parts) for parts in zip(*made, strict=True))
        return Masks(low.float(), iou.float())

    def embed(self, frame: Frame, prompts: SegPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        """Sparse ``(S, T, C)`` and dense ``(S, C, h, w)`` prompt embeddings.

        Args:
            frame: original pixels -> input pixels, as :meth:`frame` gives it.
            prompts: of S masks.

        Raises:
            ValueError: there is no prompt at all.
        """
        part = prompts.part()
        count = len(part)
        points = None
        if prompts.points is not None and prompts.labels is not None:
            points = (frame.points(prompts.points.float()), prompts.labels)  # the package adds the half pixel itself
        boxes = None
        if prompts.boxes is not None:
            boxes = frame.points(prompts.boxes.float().view(-1, 2, 2)).view(-1, 4)
        mask = None if prompts.mask is None else prompts.mask.float()
        sparse, dense = self.prompt_encoder(points=points, boxes=boxes, masks=mask)
        if len(sparse) != count:  # only embeddings: the package cannot know how many
            sparse, dense = sparse.expand(count, -1, -1), dense.expand(count, -1, -1, -1)
        if prompts.embeddings is not None:
            sparse = torch.cat([sparse, prompts.embeddings.to(sparse.dtype)], dim=1)
        return sparse, dense

    def upscale(self, low: torch.Tensor, features: Features) -> torch.Tensor:
        """Bilinear to the input frame, padding cut, then bilinear to original pixels, as SAM does."""
        flat = low.reshape(-1, 1, *low.shape[-2:])
        side = self.input_size
        whole = functional.interpolate(flat, size=(side, side), mode="bilinear", align_corners=False)
        made = features.frame.map_back(whole[:, 0])
        return made.reshape(*low.shape[:-2], *features.frame.source)


Model = SamSegmenter
