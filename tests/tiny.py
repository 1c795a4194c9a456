"""A grounding model small enough for a test: random weights, two layers, 32 wide."""

import functools

import torch

from data.settings import build
from model.config import ModelConfig
from model.grounding import GroundingModel
from model.tokens import train_tokenizer

TEXTS = ["Where is the red cup?", "The red cup <SEG> is here.", "The lamp <REJ> is not here.", "Show me all the fruit."]


def config(**changes: object) -> ModelConfig:
    """A configuration of the smallest sizes that still have every part."""
    values = {
        "backbone": {
            "family": "llava",
            "options": {
                "input_size": 64,
                "feature_layer": -1,
                "vision": {
                    "model_type": "clip_vision_model",
                    "hidden_size": 32,
                    "intermediate_size": 64,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "image_size": 64,
                    "patch_size": 8,
                    "projection_dim": 32,
                },
                "text": {
                    "model_type": "llama",
                    "hidden_size": 32,
                    "intermediate_size": 64,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "num_key_value_heads": 2,
                    "max_position_embeddings": 1024,
                    "tie_word_embeddings": True,
                },
            },
        },
        "segmenter": {
            "family": "sam",
            "options": {
                "input_size": 64,
                "patch_size": 8,
                "width": 32,
                "depth": 2,
                "heads": 2,
                "window": 4,
                "global_layers": [1],
                "prompt_size": 16,
                "decoder_heads": 2,
                "decoder_mlp": 32,
            },
        },
        "channels": {"embedding": {}, "points": {"factor": 1, "keep": 8}, "mask": {}},
        "max_new_tokens": 16,
    }
    return build(ModelConfig, {**values, **changes}, "tests")


@functools.lru_cache(maxsize=1)
def tokenizer() -> object:
    """A tokenizer trained on a few sentences."""
    return train_tokenizer(TEXTS * 4, 400)


def model(seed: int = 0, **changes: object) -> GroundingModel:
    """A fresh model of random weights, in evaluation mode."""
    torch.manual_seed(seed)
    return GroundingModel.build(config(**changes), tokenizer()).eval()


def talker() -> GroundingModel:
    """A model of random weights that writes other words for each question and picture, all layers its candidates: some
    begin with a mark, some have several, some none; some end, at different lengths."""
    options = dict(config().backbone.options)
    options["text"] = {**options["text"], "tie_word_embeddings": False}
    made = model(2, backbone={"family": "llava", "options": options}, layer={"policy": "soft"}, max_new_tokens=12)
    backbone = made.backbone
    with torch.no_grad():
        for name, parameter in backbone.llava.model.language_model.layers.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(500 if "o_proj" in name or "down_proj" in name else 16)
        # Words that it likes to write give their places to the marks and the end.
        for word, mark in zip((216, 70, 248), (*backbone.mark_ids, backbone.eos_id), strict=True):
            for weight in (backbone.llava.lm_head.weight, backbone.llava.get_input_embeddings().weight):
                weight[[word, mark]] = weight[[mark, word]]
    return made
