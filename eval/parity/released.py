"""A case folder's weights as a released checkpoint: the folder that the published code would have saved them to."""

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from eval.parity.cases import System, weights
from model.segmenters.sam import Options as SamOptions


def write(system: System, folder: Path) -> None:
    """Write configuration, tokenizer, weights and, in ``folder / "clip"``, the tower's configuration."""
    config = system.config
    folder.mkdir(parents=True)
    two_layers = str(config["mm_projector"]).startswith("mlp2x_gelu")
    values = {
        **config["llama"],
        "model_type": "llava",
        "mm_vision_tower": "clip",
        "mm_vision_select_layer": config["mm_vision_select_layer"],
        "mm_vision_select_feature": config["mm_vision_select_feature"],
        "mm_use_im_start_end": config["mm_use_im_start_end"],
        "mm_projector_type": "mlp2x_gelu" if two_layers else "linear",
        "out_dim": config["out_dim"],
    }
    _json(folder / "config.json", values)
    (folder / "clip").mkdir()
    _json(folder / "clip" / "config.json", {"vision_config": config["clip"]})
    safetensors.torch.save_file(weights(system), folder / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(config).save_pretrained(folder)


def sam_options(config: dict[str, Any]) -> SamOptions:
    """SAM's sizes, which are none of the released ones."""
    sam, decoder = config["sam"], config["sam"]["decoder"]
    return SamOptions(
        input_size=sam["img_size"],
        patch_size=sam["patch_size"],
        width=sam["encoder_embed_dim"],
        depth=sam["encoder_depth"],
        heads=sam["encoder_num_heads"],
        window=sam["window_size"],
        global_layers=tuple(sam["global_attn_indexes"]),
        prompt_size=decoder["transformer_dim"],
        decoder_depth=decoder["depth"],
        decoder_heads=decoder["num_heads"],
        decoder_mlp=decoder["mlp_dim"],
    )


def _tokenizer(config: dict[str, Any]) -> PreTrainedTokenizerFast:
    """A word for every id, with the marks and what surrounds a picture where the cases have them."""
    llama = config["llama"]
    named = {llama["bos_token_id"]: "<s>", llama["eos_token_id"]: "</s>", llama["pad_token_id"]: "<unk>"}
    surround = {config["im_start"]: "<im_start>", config["im_end"]: "<im_end>"}
    marks = {config["seg_token_idx"]: "[SEG]"} | (
        {config["rej_token_idx"]: "[REJ]"} if "rej_token_idx" in config else {}
    )
    words = {index: f"w{index}" for index in range(llama["vocab_size"])} | named | surround | marks
    made = Tokenizer(models.WordLevel({word: index for index, word in words.items()}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in marks.values()])
    made.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in surround.values()])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", pad_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def _json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")
