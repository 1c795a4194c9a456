"""Sizes of the parts: from the configurations that were released, and from the shapes of the weights."""

import math
from collections.abc import Mapping
from typing import Any

from model.convert._keys import Place
from model.segmenters.sam import Options as SamOptions

Shapes = Mapping[Place, tuple[int, ...]]

TEXT = {
    "hidden_size": None,
    "intermediate_size": None,
    "num_hidden_layers": None,
    "num_attention_heads": None,
    "num_key_value_heads": None,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
}
VISION = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")
HEAD = 64  # width of a head in CLIP's towers of 768 and 1024
SAMS = {
    (768, 12): SamOptions(width=768, depth=12, heads=12, global_layers=(2, 5, 8, 11)),
    (1024, 24): SamOptions(width=1024, depth=24, heads=16, global_layers=(5, 11, 17, 23)),
    (1280, 32): SamOptions(),
}


def text(config: Mapping[str, Any], where: str, shapes: Shapes) -> dict[str, Any]:
    """The language model's sizes, from a released LLaVA's configuration; its vocabulary from the embedding's rows.

    Raises:
        ValueError: the configuration lacks a size, or asks for positions that are not converted.
    """
    made: dict[str, Any] = {"model_type": "llama"}
    for key, usual in TEXT.items():
        value = config.get(key, usual)
        if value is None and key == "num_key_value_heads":
            value = made["num_attention_heads"]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{where} gives no usable {key} ({value!r}): it is no configuration of a released LLaVA")
        made[key] = value
    for key in ("rope_scaling", "tie_word_embeddings"):
        if config.get(key):
            raise ValueError(f"{where} sets {key}, which none of the released systems do: it cannot be converted")
    made["tie_word_embeddings"] = False
    embedding = shapes.get(Place("backbone", "model.language_model.embed_tokens.weight"), ())
    depth = _depth(shapes, "model.language_model.layers.")
    if embedding[1:] != (made["hidden_size"],) or depth != made["num_hidden_layers"]:
        raise ValueError(
            f"{where} promises {made['num_hidden_layers']} layers of width {made['hidden_size']}, and the weights are "
            f"{depth} with an embedding of shape {list(embedding)}: they are not of one model"
        )
    return {**made, "vocab_size": embedding[0]}


def vision(config: Mapping[str, Any] | None, shapes: Shapes) -> dict[str, Any]:
    """The vision tower's sizes, from CLIP's own configuration, or else from the weights.

    Raises:
        ValueError: neither tells them.
    """
    if config is not None:
        held = config.get("vision_config", config)
        held = held if isinstance(held, Mapping) else {}
        lacks = [key for key in VISION if not isinstance(held.get(key), int)]
        if lacks:
            raise ValueError(f"CLIP's config.json gives no {', '.join(lacks)}: fetch it again")
        made = {key: held[key] for key in VISION}
        depth = _depth(shapes, "model.vision_tower.encoder.layers.")
        if depth != made["num_hidden_layers"]:
            raise ValueError(
                f"CLIP's config.json promises {made['num_hidden_layers']} layers, the weights have {depth}"
            )
        more = {key: held[key] for key in ("hidden_act", "layer_norm_eps", "projection_dim") if key in held}
        return {"model_type": "clip_vision_model", **made, **more}
    patches = shapes.get(Place("backbone", "model.vision_tower.embeddings.patch_embedding.weight"))
    positions = shapes.get(Place("backbone", "model.vision_tower.embeddings.position_embedding.weight"))
    inner = shapes.get(Place("backbone", "model.vision_tower.encoder.layers.0.mlp.fc1.weight"))
    if patches is None or positions is None or inner is None or len(patches) != 4:
        raise ValueError("no CLIP vision tower inside the checkpoint: name its folder with --clip")
    width, patch = patches[0], patches[2]
    if width % HEAD:
        raise ValueError(f"a CLIP tower of width {width} is not known: name a folder with its config.json by --clip")
    return {
        "model_type": "clip_vision_model",
        "hidden_size": width,
        "intermediate_size": inner[0],
        "num_hidden_layers": _depth(shapes, "model.vision_tower.encoder.layers."),
        "num_attention_heads": width // HEAD,
        "image_size": math.isqrt(max(positions[0] - 1, 0)) * patch,
        "patch_size": patch,
    }


def sam(shapes: Shapes) -> SamOptions:
    """Which of the three released SAMs the weights are.

    Raises:
        ValueError: none, or there are no weights of it.
    """
    patches = shapes.get(Place("segmenter", "image_encoder.patch_embed.proj.weight"))
    if not patches:
        raise ValueError("no SAM inside the checkpoint: name its file (sam_vit_h_4b8939.pth) with --sam")
    size = patches[0], _depth(shapes, "image_encoder.blocks.", "segmenter")
    if size not in SAMS:
        raise ValueError(f"a SAM of width {size[0]} and depth {size[1]} is none of ViT-B, ViT-L and ViT-H")
    return SAMS[size]


def _depth(shapes: Shapes, prefix: str, part: str = "backbone") -> int:
    """How many layers have a weight."""
    found = {p.name[len(prefix) :].split(".")[0] for p in shapes if p.part == part and p.name.startswith(prefix)}
    return len(found)
