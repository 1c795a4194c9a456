"""What SAM 2 and the tracker of SAM 3 share: one prompt encoder, one mask decoder and a picture's features on three
levels, from the transformers classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from data.geometry import Frame
from model import folders
from model.backbones._stock import quiet
from model.prompting.base import SegPrompts
from model.segmenters.base import Features, Masks, Segmenter, precise

CELLS = 2 * 64 * 64  # of the feature grid, times masks: what a CPU decodes at once, as with SAM
MOST = 32.0  # SAM 2's own predictor clamps the logits that it takes back as a mask prompt to -32 .. 32
ITSELF = (
    "architectures",
    "dtype",
    "transformers_version",
    "_name_or_path",
    "_attn_implementation",
    "initializer_range",
)


class Encoder(nn.Module):
    """The image encoder, with what is computed of a picture once: the two convolutions that thin the fine levels for
    the decoder (released as a part of that), and the embedding that says "no earlier frame".

    They are frozen, kept and moved with the encoder, whose features would be stale else.
    """

    def __init__(self, stock: Any) -> None:
        super().__init__()
        self.vision = stock.vision_encoder
        decoder = stock.mask_decoder
        self.conv_s0, self.conv_s1 = decoder.conv_s0, decoder.conv_s1
        del decoder.conv_s0, decoder.conv_s1
        self.no_memory = stock.no_memory_embedding

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """``(B, 3, S, S)`` float, normalised -> ``(B, 4C, h, w)``: see :func:`unpacked`."""
        fine, middle, coarse = self.vision(pixels).fpn_hidden_states[:3]
        coarse = coarse + self.no_memory.view(1, -1, 1, 1).to(coarse.dtype)
        middle = functional.pixel_unshuffle(self.conv_s1(middle), 2)
        fine = functional.pixel_unshuffle(self.conv_s0(fine), 4)
        return torch.cat([coarse, middle, fine], dim=1)


def unpacked(tensor: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The levels of ``(1, 4C, h, w)`` features of C = ``width``, which are one tensor on one grid so that they are kept
    like any other's: ``(1, C, h, w)``, then ``(1, C / 4, 2h, 2w)`` and ``(1, C / 8, 4h, 4w)`` for the decoder's
    upscaling."""
    coarse, middle, fine = tensor.split([width, width, 2 * width], dim=1)
    return coarse, functional.pixel_shuffle(middle, 2), functional.pixel_shuffle(fine, 4)


class TransformersSegmenter(Segmenter):
    """A SAM whose picture is stretched to a square and whose parts are a stock model's.

    It takes points, boxes, a mask and embeddings, in any combination. A mask prompt lies in the stretched frame (no
    padding) of ``mask_size``: the low-resolution logits of an earlier mask, of which more than 32 is taken for 32, or a
    similarity map in [0, 1]. Without points and boxes there is one empty point, as SAM 2 is trained (Ravi et al. 2024).

    Args:
        stock: the parts; its own forward is not called.
        options: what it was built from.
        input_size, patch_size: of the picture, pixels; of a feature's cell, pixels.
        mean, std: of RGB in [0, 1].
    """

    pixel_mean: torch.Tensor
    pixel_std: torch.Tensor

    def __init__(
        self,
        stock: Any,
        options: Any,
        input_size: int,
        patch_size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.options = options
        self.input_size, self.grid = input_size, input_size // patch_size
        self.mask_size = 4 * self.grid
        self.prompt_size = stock.prompt_encoder.hidden_size
        self.image_encoder = Encoder(stock)
        self.prompt_encoder, self.mask_decoder = stock.prompt_encoder, stock.mask_decoder
        self.position = stock.shared_image_embedding
        self.register_buffer("pixel_mean", 255 * torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", 255 * torch.tensor(std).view(3, 1, 1), persistent=False)

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]  # a second attribute would save it twice
        """The image encoder alone."""
        return self.image_encoder

    def frame(self, size: tuple[int, int]) -> Frame:
        """Stretched to ``input_size`` both ways, the aspect ratio lost."""
        return Frame.stretch(size, (self.input_size, self.input_size))

    def patch_frame(self, size: tuple[int, int]) -> Frame:
        """The same at one cell a patch."""
        return Frame.stretch(size, (self.grid, self.grid))

    def mask_frame(self, size: tuple[int, int]) -> Frame:
        """The same at ``mask_size``."""
        return Frame.stretch(size, (self.mask_size, self.mask_size))

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, input_size, input_size)`` uint8."""
        made = self.frame((image.shape[0], image.shape[1])).image(image)
        return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))

    def encode(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> list[Features]:
        """Features of each image, ``(1, 4C, h, w)``: three levels, see :func:`unpacked`."""
        pixels = (prepared.float() - self.pixel_mean) / self.pixel_std
        tensor = self.image_encoder(pixels)
        return [Features(row[None], self.frame(size)) for row, size in zip(tensor, sizes, strict=True)]

    def decode(self, features: Features, prompts: SegPrompts, multimask: bool = False) -> Masks:
        """All masks of one image in one pass; embeddings come last among the sparse prompts (LISA).

        Raises:
            ValueError: there is no prompt at all.
        """
        with precise(features.tensor):
            sparse, dense = self.embed(features.frame, prompts)
            position = self._everywhere()
        if not len(sparse):
            none = features.tensor.new_zeros
            return Masks(none(0, 3 if multimask else 1, self.mask_size, self.mask_size), none(0, 3 if multimask else 1))
        coarse, middle, fine = unpacked(features.tensor, self.prompt_size)
        lot = len(sparse)
        if sparse.device.type == "cpu":
            lot = max(1, CELLS // self.grid**2)
        made = [
            self.mask_decoder(  # masks are its batch, each with one prompt: its own batch is one of pictures
                image_embeddings=coarse.expand(len(some), -1, -1, -1),
                image_positional_embeddings=position,
                sparse_prompt_embeddings=some[:, None],
                dense_prompt_embeddings=maps,
                multimask_output=multimask,
                high_resolution_features=[fine, middle],
            )[:2]
            for some, maps in zip(sparse.split(lot), dense.split(lot), strict=True)
        ]
        low, iou = (torch.cat(parts)[:, 0] for parts in zip(*made, strict=True))
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
        count, device = len(part), part.device
        points = labels = boxes = None
        if prompts.points is not None and prompts.labels is not None:
            points = frame.points(prompts.points.float())[:, None]  # transformers adds the half pixel itself
            labels = prompts.labels[:, None]
        if prompts.boxes is not None:
            boxes = frame.points(prompts.boxes.float().view(-1, 2, 2)).view(-1, 1, 4)
        if points is None and boxes is None:
            points = torch.zeros(count, 1, 1, 2, device=device)
            labels = torch.full((count, 1, 1), -1, device=device)
        mask = None if prompts.mask is None else prompts.mask.float().clamp(-MOST, MOST)
        sparse, dense = self.prompt_encoder(
            input_points=points, input_labels=labels, input_boxes=boxes, input_masks=mask
        )
        sparse = sparse[:, 0]
        if prompts.embeddings is not None:
            sparse = torch.cat([sparse, prompts.embeddings.to(sparse.dtype)], dim=1)
        return sparse, dense

    def _everywhere(self) -> torch.Tensor:
        """``(1, C, h, w)``: the encoded position of each cell's centre."""
        line = (torch.arange(self.grid, device=self.pixel_mean.device) + 0.5) / self.grid
        cells = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)  # (h, w, 2) XY in [0, 1]
        made: torch.Tensor = self.position(cells)
        return made.permute(2, 0, 1)[None]

    def upscale(self, low: torch.Tensor, features: Features) -> torch.Tensor:
        """Bilinear to original pixels at once, as SAM 2 does."""
        made = self.mask_frame(features.frame.source).map_back(low.reshape(-1, *low.shape[-2:]))
        return made.reshape(*low.shape[:-2], *features.frame.source)


def drawn(stock: Any) -> Any:
    """A stock model of random weights whose points and cells are encoded alike, as in released ones."""
    with torch.no_grad():
        held = stock.shared_image_embedding.positional_embedding
        stock.prompt_encoder.shared_embedding.positional_embedding.copy_(held)
    return stock


def read(kind: type[PreTrainedModel], folder: Path) -> Any:
    """A released model from its folder in the hub's format, in float32, by its own class, which knows older names; of a
    whole SAM 3 the tracker, whose names begin so.

    Raises:
        ValueError: a file is missing or damaged, or weights are missing.
    """
    try:
        with quiet():
            loaded: Any = kind.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
                key_mapping={r"^tracker_model\.": ""},
            )
            network, found = loaded
    except Exception as error:  # a damaged file makes the library raise nearly anything
        raise folders.damaged(folder, error) from error
    lacks = sorted(map(str, [*found["missing_keys"], *found["mismatched_keys"]]))
    if lacks:
        raise ValueError(f"{folder} lacks weights, {lacks[0]} among them: fetch it again")
    return network


def drawing(options: Any, patch: int) -> dict[str, Any]:
    """The stock configurations of what draws, from a family's options; ``patch`` is a cell of the coarsest features, in
    pixels of the input."""
    return {
        "prompt_encoder_config": {
            "hidden_size": options.prompt_size,
            "image_size": options.input_size,
            "patch_size": patch,
        },
        "mask_decoder_config": {
            "hidden_size": options.prompt_size,
            "num_hidden_layers": options.decoder_depth,
            "num_attention_heads": options.decoder_heads,
            "mlp_dim": options.decoder_mlp,
            "iou_head_hidden_dim": options.prompt_size,
            "dynamic_multimask_via_stability": options.dynamic,
        },
    }


def drawing_options(decoder: Any) -> dict[str, Any]:
    """The options that a stock configuration of the mask decoder has the values of."""
    return {
        "prompt_size": decoder.hidden_size,
        "decoder_depth": decoder.num_hidden_layers,
        "decoder_heads": decoder.num_attention_heads,
        "decoder_mlp": decoder.mlp_dim,
        "dynamic": decoder.dynamic_multimask_via_stability,
    }


def check(folder: Path, held: Any, made: Any) -> None:
    """See that a released configuration is the one that our options make: they hold what differs between releases.

    Raises:
        ValueError: a value differs; the line names it.
    """
    mine, theirs = _flat(made.to_dict()), _flat(held.to_dict())
    for name, value in mine.items():
        if theirs.get(name, value) != value:
            raise ValueError(f"{folder / 'config.json'}: {name} is {theirs[name]}, and this family has {value}")


def kind_of(folder: Path) -> str | None:
    """What a folder in the hub's format says that it holds ("sam2_video"), None if it says nothing."""
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values.get("model_type") if isinstance(values, dict) else None


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested values by dotted names, tuples as lists; without what says nothing of the network."""
    made: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            made |= _flat(value, f"{before}{key}.")
        elif key not in ITSELF and key != "model_type":
            made[f"{before}{key}"] = list(value) if isinstance(value, tuple) else value
    return made
