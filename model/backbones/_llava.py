"""Making and reading a stock LLaVA: its settings, random weights, and folders that its own class wrote."""

import json
import logging
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import safetensors
import torch
from transformers import (
    CONFIG_MAPPING,
    BitsAndBytesConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as notices

from data.sample import REJ, SEG
from model.placement import PLAIN, Placement
from model.tokens import IMAGE

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16}
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
        vision_config=_config(options.vision),
        text_config=_config(text),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=options.feature_layer,
        vision_feature_select_strategy="default",
        tie_word_embeddings=bool(text.get("tie_word_embeddings", False)),
    )
    llava = LlavaForConditionalGeneration._from_config(config)
    _begin(llava)
    return llava


def _begin(llava: Any) -> None:
    """Begin with words and patches that come through to the last layer: loud embeddings, quiet branches (GPT-2 scales
    them by 1 / sqrt(2 layers); Radford et al. 2019, section 2.3). At the stock initialisation every layer drowns what
    the one below has said, and no map finds what its mark names for a thousand steps."""
    with torch.no_grad():
        llava.get_input_embeddings().weight.mul_(5)
        llava.model.multi_modal_projector.linear_2.weight.mul_(5)
        for layer in llava.model.language_model.layers:
            layer.self_attn.o_proj.weight.mul_(0.15)
            layer.mlp.down_proj.weight.mul_(0.15)


def load(
    folder: Path, options: Options, dtype: torch.dtype | None, placement: Placement = PLAIN
) -> LlavaForConditionalGeneration:
    """A LLaVA from a folder that its own class wrote, in ``dtype``, or as it is stored if None; with ``placement.bits``
    the language model's layers are rounded to them as they are read.

    Its configuration is checked first: without one, transformers would make a network of seven billion random weights.

    Raises:
        ValueError: the folder holds something else, lacks a tensor, or has one of another shape.
    """
    _check_sizes(folder / "config.json", options)
    dtype = dtype or _stored(folder)
    more = {} if placement.bits is None else _rounded(placement.bits, dtype, placement.device)
    with quiet():
        read: Any = LlavaForConditionalGeneration.from_pretrained(
            folder, dtype=dtype, local_files_only=True, output_loading_info=True, **more
        )
    llava, found = read
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found.get(what):
            raise ValueError(f"{what.replace('_keys', '')} tensors, {sorted(map(str, found[what]))[0]} among them")
    return cast(LlavaForConditionalGeneration, llava)


def _rounded(bits: int, dtype: torch.dtype, device: str) -> dict[str, Any]:
    """Arguments for reading the language model's layers in 8 (Dettmers et al. 2022) or 4 bits (NF4, its scales rounded
    too; Dettmers et al. 2023), multiplied in ``dtype``. Embeddings, head, tower and projector keep ``dtype``."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of a cast at every product
    config = BitsAndBytesConfig(
        load_in_8bit=bits == 8,
        load_in_4bit=bits == 4,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=["model.vision_tower", "model.multi_modal_projector", "lm_head"],
    )
    return {"quantization_config": config, "device_map": {"": device}}


def _stored(folder: Path) -> torch.dtype:
    """The type that most numbers of a folder are stored in; a configuration may say another."""
    counts: Counter[torch.dtype] = Counter()
    for path in folder.glob("*.safetensors"):
        with safetensors.safe_open(path, "pt") as file:
            for name in list(file.keys()):
                part = file.get_slice(name)
                counts[DTYPES.get(part.get_dtype(), torch.float32)] += math.prod(part.get_shape())
    return max(counts, key=lambda dtype: counts[dtype], default=torch.float32)


def _check_sizes(path: Path, options: Options) -> None:
    """The stock configuration must have the sizes that the checkpoint's own one promises; the vocabulary is the
    tokenizer's and may have grown."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.get("model_type") != "llava":
        raise ValueError(f"{path.name} describes no llava")
    for part, promised in (("vision_config", options.vision), ("text_config", options.text)):
        held = _config(values[part])
        for key, value in promised.items():
            if key != "vocab_size" and getattr(held, key, value) != value:
                raise ValueError(f"{path.name}: {part}: {key} is not {value} as the checkpoint's config.json says")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and tables that transformers prints while it reads and writes."""
    bars, verbosity = notices.is_progress_bar_enabled(), notices.get_verbosity()
    notices.disable_progress_bar()
    notices.set_verbosity_error()
    try:
        yield
    finally:
        notices.set_verbosity(verbosity)
        if bars:
            notices.enable_progress_bar()


def _config(values: dict[str, Any]) -> Any:
    return CONFIG_MAPPING[values["model_type"]](**{k: v for k, v in values.items() if k != "model_type"})
