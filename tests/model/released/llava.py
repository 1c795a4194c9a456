"""LLaVA-1.5 as transformers has it on the hub, and SAM as it was released, at the smallest sizes."""

from pathlib import Path

import torch
from transformers import AutoTokenizer, CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from data.settings import build
from model.config import ModelConfig
from model.segmenters.sam import SamSegmenter
from tests.model.convert import released

CONFIG = {  # a Pinpoint of any LLaVA, with the smallest SAM
    "backbone": {
        "family": "llava",
        "options": {
            "vision": {"model_type": "clip_vision_model", "hidden_size": 0, "image_size": 0, "patch_size": 0},
            "text": {"model_type": "llama", "hidden_size": 0, "num_hidden_layers": 0, "max_position_embeddings": 0},
        },
    },
    "segmenter": {"family": "sam", "options": vars(released.SAM)},
    "channels": {"embedding": {}, "points": {"factor": 1, "keep": 8}, "mask": {}},
}


def config() -> ModelConfig:
    """What the preset ``pinpoint`` is, at the smallest sizes."""
    return build(ModelConfig, CONFIG, "tests")


def llava(folder: Path, spare: int = 20) -> LlavaForConditionalGeneration:
    """A LLaVA in float16 whose vocabulary has ``spare`` rows that no token uses, with its tokenizer."""
    folder.mkdir()
    rows = released.slow_tokenizer(folder, ["<image>", "<pad>"], pad_token="<pad>")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = LlamaConfig(
        vocab_size=rows + spare, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=1024, rms_norm_eps=1e-5,
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=24, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2, image_size=64, patch_size=16,
        projection_dim=8,
    )  # fmt: skip
    held = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        tie_word_embeddings=False,
    )  # fmt: skip
    made = LlavaForConditionalGeneration(held).half()
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return made


def sam(path: Path) -> dict[str, torch.Tensor]:
    """SAM's weights, by the names that they were released under."""
    weights = SamSegmenter(released.SAM).state_dict()
    torch.save(weights, path)
    return weights
