"""Making and reading a stock LLaVA: its settings, random weights, and folders that its own class wrote."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerBase

from data.sample import REJ, SEG
from model.backbones._stock import begin, configuration, read
from model.placement import PLAIN, Placement
from model.tokens import IMAGE

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        input_size: side of the tower's square input, pixels.
        padding: how a picture comes into that square: "letterbox" (centred, padded with the mean colour, as LLaVA-1.5's
            ``pad``), "corner" (padded below and to the right, by 0 after normalisation, as SAM's), "centre_crop"
            (CLIP's processor) or "stretch".
        resample: "bilinear" or "bicubic" (CLIP's processor).
        mean, std: of the colours, in [0, 1].
        hide_padding: neither the tower nor the language model attends to patches that show nothing of the picture.
        seg, rej: how the tokenizer spells the marks; ``rej`` is None for a model that cannot reject.
        feature_layer: which of the tower's hidden states the projector reads.
        vision, text: keys of the transformers configurations, with their ``model_type``. A convolutional tower, whose
            own configuration lacks them, is also given the ``hidden_size``, ``patch_size`` and ``image_size`` of that
            state.
    """

    input_size: int = 336
    padding: Literal["letterbox", "corner", "centre_crop", "stretch"] = "letterbox"
    resample: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    hide_padding: bool = False
    seg: str = SEG
    rej: str | None = REJ
    feature_layer: int = -2
    vision: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)


def build(options: Options, tokenizer: PreTrainedTokenizerBase) -> LlavaForConditionalGeneration:
    """A LLaVA of random weights, its vocabulary as large as the tokenizer's unless ``text`` says otherwise."""
    ids = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id}
    text = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, **ids, **options.text}
    config = LlavaConfig(  # type: ignore[call-arg]  # named by attribute_map
        vision_config=configuration(options.vision),
        text_config=configuration(text),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=options.feature_layer,
        vision_feature_select_strategy="default",
        tie_word_embeddings=bool(text.get("tie_word_embeddings", False)),
    )
    llava = LlavaForConditionalGeneration._from_config(config)
    begin(llava, cast(Any, llava.model.multi_modal_projector).linear_2)
    return llava


def load(
    folder: Path, options: Options, dtype: torch.dtype | None, placement: Placement = PLAIN
) -> LlavaForConditionalGeneration:
    """A LLaVA from a folder that its own class wrote: see :func:`_stock.read`.

    Raises:
        ValueError: the folder holds something else, lacks a tensor, or has one of another shape.
    """
    made = read(LlavaForConditionalGeneration, "llava", folder, options, dtype, placement)
    return cast(LlavaForConditionalGeneration, made)
