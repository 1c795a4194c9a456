"""A fresh start: a stock LLaVA and SAM put together as the preset ``pinpoint`` has it, to train from.

LLaVA answers in words as before. ``<SEG>`` and ``<REJ>`` are new tokens, and the channels new layers: both have to
learn.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerBase

from model.backbones._stock import quiet
from model.config import ModelConfig, Part, preset
from model.convert import template
from model.grounding import GroundingModel
from model.tokens import IMAGE, begin_marks


def assemble(llava: Path, sam: Path, target: Path, config: ModelConfig | None = None, seed: int = 0) -> None:
    """Write a checkpoint folder; complete or not at all. Weights keep their dtype; the channels are float32.

    Args:
        llava: folder of a LLaVA as transformers stores it, with its tokenizer.
        sam: file of the released SAM's weights.
        target: the folder to make.
        config: of the result, with SAM's sizes; LLaVA's come from its own configuration. The preset if None.
        seed: of the channels.

    Raises:
        ValueError: a file is damaged, or is no LLaVA or no SAM of these sizes.
    """
    config = config or preset("pinpoint")
    held = _config(llava)
    tokenizer, network = _read(llava)
    if held.image_token_id != tokenizer.convert_tokens_to_ids(IMAGE):
        raise ValueError(f"{llava}: its configuration and its tokenizer do not agree on {IMAGE}")
    begin_marks(network, tokenizer)
    tokenizer.chat_template = template("llava_v1", surrounded=False)  # the words that LLaVA-1.5 was trained with
    tokenizer.padding_side = "right"
    tokenizer.model_max_length = held.text_config.max_position_embeddings
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = GroundingModel.assemble(_sized(config, network.config), network, tokenizer)
    _load_sam(made, sam)
    made.save_pretrained(target)


def _config(folder: Path) -> Any:
    """LLaVA's configuration; that of another model would be read without a word, and its weights fit nowhere."""
    try:
        held: Any = LlavaConfig.from_pretrained(folder, local_files_only=True)
        kind = held.text_config.model_type, held.vision_config.model_type, held.vision_feature_select_strategy
    except Exception as error:  # a damaged file makes the library raise nearly anything
        raise ValueError(f"{folder / 'config.json'} is missing or damaged: fetch it again") from error
    if held.model_type != "llava" or kind != ("llama", "clip_vision_model", "default"):
        raise ValueError(f"{folder} holds no LLaVA-1.5: a Llama and CLIP's patches are needed")
    return held


def _read(folder: Path) -> tuple[PreTrainedTokenizerBase, Any]:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        with quiet():
            read: Any = LlavaForConditionalGeneration.from_pretrained(
                folder, dtype="auto", local_files_only=True, output_loading_info=True
            )
    except Exception as error:  # as above
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{folder} is missing or damaged ({reason[:200]}): fetch it again") from error
    network, found = read
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found.get(what):
            names = sorted(map(str, found[what]))
            raise ValueError(f"{folder}: {what.replace('_keys', '')} weights, {names[0]} among them: fetch it again")
    return tokenizer, network


def _sized(config: ModelConfig, held: Any) -> ModelConfig:
    """The configuration with the sizes of a LLaVA."""
    options = dict(config.backbone.options)
    options["input_size"], options["feature_layer"] = held.vision_config.image_size, held.vision_feature_layer
    for part, sizes in (("vision", held.vision_config), ("text", held.text_config)):
        options[part] = {key: getattr(sizes, key) for key in options[part]}
    options["text"]["vocab_size"] = held.text_config.vocab_size
    return replace(config, backbone=Part(config.backbone.family, options))


def _load_sam(model: GroundingModel, path: Path) -> None:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        model.segmenter.load_state_dict(weights)
    except Exception as error:  # as above
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ValueError(f"{path} is damaged, or no SAM of this size ({'; '.join(lines[:2])[:200]})") from error
