"""Checkpoints as they were released, at the smallest sizes: names and shapes written out, values at random."""

import io
import json
import random
from pathlib import Path

import safetensors.torch
import sentencepiece
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from model.segmenters.sam import Options as SamOptions
from model.segmenters.sam import SamSegmenter

D, INNER, LAYERS, TOWER, SIDE, PATCH, C = 32, 64, 2, 24, 64, 16, 16
SAM = SamOptions(
    input_size=64, patch_size=8, width=32, depth=2, heads=2, window=4, global_layers=(1,), prompt_size=C,
    decoder_heads=2, decoder_mlp=32,
)  # fmt: skip
SURROUND = ["<im_start>", "<im_end>"]
TEXT = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the human's questions. USER: Where is the red cup? What is it in this image? ASSISTANT: "
    "Sure, it is. Please respond with segmentation mask. [INST] <<SYS>>"
)
WORDS = TEXT.split()
TOWER_CONFIG = {
    "hidden_size": TOWER,
    "intermediate_size": 2 * TOWER,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
    "projection_dim": 8,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}


def language(rows: int) -> dict[str, tuple[int, ...]]:
    """A Llama's shapes, in the names of old LLaVA."""
    made = {"model.embed_tokens.weight": (rows, D), "lm_head.weight": (rows, D), "model.norm.weight": (D,)}
    for layer in range(LAYERS):
        own = {f"self_attn.{name}_proj.weight": (D, D) for name in "qkvo"}
        own |= {
            "mlp.gate_proj.weight": (INNER, D),
            "mlp.up_proj.weight": (INNER, D),
            "mlp.down_proj.weight": (D, INNER),
        }
        own |= {"input_layernorm.weight": (D,), "post_attention_layernorm.weight": (D,)}
        own |= {"self_attn.rotary_emb.inv_freq": (8,)}
        made |= {f"model.layers.{layer}.{name}": shape for name, shape in own.items()}
    return made


def vision() -> dict[str, tuple[int, ...]]:
    """CLIP's vision tower, in CLIP's names."""
    made: dict[str, tuple[int, ...]] = {
        "embeddings.class_embedding": (TOWER,),
        "embeddings.patch_embedding.weight": (TOWER, 3, PATCH, PATCH),
        "embeddings.position_embedding.weight": ((SIDE // PATCH) ** 2 + 1, TOWER),
    }
    for norm in ("pre_layrnorm", "post_layernorm"):
        made |= {f"{norm}.weight": (TOWER,), f"{norm}.bias": (TOWER,)}
    for layer in range(3):
        own: dict[str, tuple[int, ...]] = {}
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            own |= {f"self_attn.{name}.weight": (TOWER, TOWER), f"self_attn.{name}.bias": (TOWER,)}
        own |= {"mlp.fc1.weight": (2 * TOWER, TOWER), "mlp.fc1.bias": (2 * TOWER,)}
        own |= {"mlp.fc2.weight": (TOWER, 2 * TOWER), "mlp.fc2.bias": (TOWER,)}
        for norm in ("layer_norm1", "layer_norm2"):
            own |= {f"{norm}.weight": (TOWER,), f"{norm}.bias": (TOWER,)}
        made |= {f"encoder.layers.{layer}.{name}": shape for name, shape in own.items()}
    return {f"vision_model.{name}": shape for name, shape in made.items()}


def projector(layers: int) -> dict[str, tuple[int, ...]]:
    """One linear layer as LLaVA-1, or two as LLaVA-1.5."""
    if layers == 1:
        return {"model.mm_projector.weight": (D, TOWER), "model.mm_projector.bias": (D,)}
    return {
        "model.mm_projector.0.weight": (D, TOWER), "model.mm_projector.0.bias": (D,),
        "model.mm_projector.2.weight": (D, D), "model.mm_projector.2.bias": (D,),
    }  # fmt: skip


def heads() -> dict[str, tuple[int, ...]]:
    """What makes a prompt of a mark, and SAM."""
    made = {"0.weight": (D, D), "0.bias": (D,), "2.weight": (C, D), "2.bias": (C,)}
    with torch.device("meta"):
        sam = SamSegmenter(SAM).state_dict()
    return {f"model.text_hidden_fcs.0.{name}": shape for name, shape in made.items()} | {
        f"model.visual_model.{name}": tuple(value.shape) for name, value in sam.items()
    }


def values(shapes: dict[str, tuple[int, ...]], seed: int = 0, dtype: torch.dtype = torch.bfloat16):
    """Random numbers of those shapes."""
    drawn = torch.Generator().manual_seed(seed)
    return {name: (torch.randn(shape, generator=drawn) * 0.1).to(dtype) for name, shape in shapes.items()}


def lisa(rows: int, layers: int = 1) -> dict[str, torch.Tensor]:
    """A whole LISA but for CLIP: most of it at half precision, the computed frequencies not."""
    made = values(language(rows) | projector(layers) | heads())
    return {name: value.float() if "inv_freq" in name else value for name, value in made.items()}


def critic() -> dict[str, torch.Tensor]:
    """The critic of a UGround that was trained with one: it reads the layers' probabilities."""
    shapes = {"0.weight": (128, LAYERS + 1), "0.bias": (128,), "2.weight": (1, 128), "2.bias": (1,)}
    return values({f"ppm.critic.{name}": shape for name, shape in shapes.items()}, 9)


def uground(rows: int) -> dict[str, torch.Tensor]:
    """A whole UGround but for CLIP."""
    more = {name.replace("mm_projector", "out_mm_projector"): shape for name, shape in projector(2).items()}
    made = lisa(rows, 2) | values(more, 7) | values({"ppm._layer_gate_W_similarity": (LAYERS + 1, D)}, 8)
    return {**made, "model.decoder_modules_initialized": torch.tensor(True)}


def config(folder: Path, rows: int, **more: object) -> None:
    """A LLaVA's ``config.json`` of 2023."""
    held = {
        "architectures": ["LISAForCausalLM"], "model_type": "llava", "hidden_size": D, "intermediate_size": INNER,
        "num_hidden_layers": LAYERS, "num_attention_heads": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
        "max_position_embeddings": 1024, "mm_use_im_start_end": True, "mm_vision_select_layer": -2,
        "mm_vision_select_feature": "patch", "mm_vision_tower": "openai/clip-tiny", "vocab_size": rows,
        "tie_word_embeddings": False, "transformers_version": "4.31.0",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps({**held, **more}))


def fast_tokenizer(folder: Path, added: list[str]) -> int:
    """A byte-level ``tokenizer.json``; returns how many tokens it has."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([TEXT] * 4, trainer)
    made.add_tokens([AddedToken(token, normalized=False) for token in added])
    made.save(str(folder / "tokenizer.json"))
    _special(folder)
    return made.get_vocab_size()


def slow_tokenizer(folder: Path, added: list[str], **more: object) -> int:
    """A sentencepiece ``tokenizer.model`` of Llama's kind; returns how many tokens it has with those added."""
    drawn, written = random.Random(0), io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(drawn.choices(WORDS, k=8)) for _ in range(500)]),
        model_writer=written, vocab_size=430, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        character_coverage=1.0, minloglevel=2,
    )  # fmt: skip
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    rows = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue()).get_piece_size()
    (folder / "added_tokens.json").write_text(json.dumps({token: rows + at for at, token in enumerate(added)}))
    _special(folder, **more)
    return rows + len(added)


def _special(folder: Path, **more: object) -> None:
    spelled = {
        key: {"__type": "AddedToken", "content": token, "lstrip": False, "normalized": True, "rstrip": False,
              "single_word": False}
        for key, token in (("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"))
    }  # fmt: skip
    held = {"tokenizer_class": "LlamaTokenizer", "model_max_length": 512, "padding_side": "right", **spelled, **more}
    (folder / "tokenizer_config.json").write_text(json.dumps(held))
    plain = {key: {k: v for k, v in token.items() if k != "__type"} for key, token in spelled.items()}
    (folder / "special_tokens_map.json").write_text(json.dumps({**plain, "pad_token": "<unk>"}))


def clip(folder: Path, weights: bool = True) -> dict[str, torch.Tensor]:
    """A CLIP folder, with its text model; returns the tower's weights."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": TOWER_CONFIG}))
    tower = values(vision(), 3, torch.float32)
    if weights:
        more = {"text_model.final_layer_norm.weight": torch.ones(8), "logit_scale": torch.tensor(4.6)}
        more |= {"vision_model.embeddings.position_ids": torch.arange(17), "visual_projection.weight": torch.ones(8, 8)}
        torch.save({**tower, **more}, folder / "pytorch_model.bin")
    return tower


def save(folder: Path, tensors: dict[str, torch.Tensor], kind: str = "bin", parts: int = 1) -> None:
    """Write weights as ``.bin`` or ``.safetensors``, in so many shards with their index."""
    stem, suffix = ("pytorch_model", "bin") if kind == "bin" else ("model", "safetensors")
    names = list(tensors)
    index = {}
    for part in range(parts):
        file = f"{stem}-{part + 1:05}-of-{parts:05}.{suffix}" if parts > 1 else f"{stem}.{suffix}"
        held = {name: tensors[name].clone() for name in names[part::parts]}
        if kind == "bin":
            torch.save(held, folder / file)
        else:
            safetensors.torch.save_file(held, folder / file)
        index.update(dict.fromkeys(held, file))
    if parts > 1:
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": index}))
