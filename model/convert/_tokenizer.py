"""Tokenizers as the released systems used them.

All were trained with transformers' slow Llama tokenizer in its legacy mode: each stretch of text between added tokens
is encoded by itself and begins with a space of its own. transformers 5 has only the fast one and takes ``legacy`` to be
false where a folder does not say, so the normaliser is spelled out here and written into ``tokenizer.json``.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from transformers import LlamaTokenizer, PreTrainedTokenizerFast

from model.config import read_json
from model.convert._system import SEG, SURROUND, Traits
from model.tokens import IMAGE

LEGACY = {
    "type": "Sequence",
    "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ],
}
USUAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": None}


def tokenizer(folder: Path, traits: Traits, rows: int, surrounded: bool) -> PreTrainedTokenizerFast:
    """A released folder's tokenizer as a fast one, with the image's placeholder and without a chat template.

    Args:
        folder: with ``tokenizer.json``, or ``tokenizer.model`` and ``added_tokens.json``.
        traits: of the system.
        rows: of the embedding: no token but the placeholder may lie beyond.
        surrounded: whether the image stands between two tokens, which must be there too.

    Raises:
        ValueError: there is none, it is damaged, or it lacks a token.
    """
    special = {**USUAL, **_special(folder)}
    fast = (folder / "tokenizer.json").is_file()
    try:
        made = Tokenizer.from_file(str(folder / "tokenizer.json")) if fast else _slow(folder, traits)
    except ValueError:
        raise
    except Exception as error:  # the libraries raise nearly anything
        reason = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{folder}: its tokenizer is damaged ({reason[0][:200]}): fetch it again") from error
    known = made.get_vocab()
    missing = [token for token in traits.adds if token not in known]
    made.add_tokens([_added(token, traits.swallows) for token in missing])
    known = made.get_vocab()
    needed = [SEG, *([traits.rej] if traits.rej else []), *(SURROUND if surrounded else ())]
    lacks = [token for token in needed if token not in known]
    if lacks:
        raise ValueError(f"{folder}: its tokenizer lacks {', '.join(lacks)}: it is not that of a {traits.name} release")
    most = max(known.values())
    if most >= rows or (missing and most + 1 != rows):
        how = f" after {', '.join(missing)} were added" if missing else ""
        raise ValueError(
            f"{folder}: its tokenizer has {most + 1} tokens{how}, the embedding {rows} rows: they are not of one model"
        )
    made.add_special_tokens([AddedToken(IMAGE, normalized=False, special=True)])
    names = {key: value for key, value in special.items() if value in known}
    if "unk_token" in names:
        names["pad_token"] = names["unk_token"]  # as all of the systems set it
    if not {"bos_token", "eos_token", "pad_token"} <= set(names):
        raise ValueError(f"{folder}: its tokenizer needs a token of beginning, of end, and an unknown or padding one")
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        **names,
        extra_special_tokens={"image_token": IMAGE},
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )


def _special(folder: Path) -> dict[str, str]:
    """The spelling of the beginning, the end, the unknown and the padding."""
    found: dict[str, str] = {}
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        values = read_json(folder / file) if (folder / file).is_file() else {}
        for key in USUAL:
            value = values.get(key)
            value = value.get("content") if isinstance(value, dict) else value
            if isinstance(value, str):
                found[key] = value
    return found


def _slow(folder: Path, traits: Traits) -> Tokenizer:
    """A sentencepiece model with the tokens added to it, as a fast tokenizer that encodes alike."""
    if not (folder / "tokenizer.model").is_file():
        raise ValueError(f"{folder} has no tokenizer (tokenizer.model or tokenizer.json): fetch it, or name --base")
    config = folder / "tokenizer_config.json"
    legacy = (read_json(config) if config.is_file() else {}).get("legacy")
    read = LlamaTokenizer.from_pretrained(folder, legacy=legacy is not False, local_files_only=True)
    values: dict[str, Any] = json.loads(read.backend_tokenizer.to_str())
    if legacy is not False:
        values["normalizer"], values["pre_tokenizer"] = LEGACY, None
    for token in values["added_tokens"]:
        if not token["special"] or token["content"] in SURROUND:
            token.update(lstrip=traits.swallows, rstrip=traits.swallows, normalized=False)
            token["special"] = token["content"] in SURROUND
    made = Tokenizer.from_str(json.dumps(values))
    listed = read_json(folder / "added_tokens.json") if (folder / "added_tokens.json").is_file() else {}
    moved = [token for token, index in listed.items() if made.token_to_id(token) != index]
    if moved:
        raise ValueError(f"{folder / 'added_tokens.json'}: the ids of {', '.join(moved[:5])} do not follow the others'")
    return made


def _added(token: str, swallows: bool) -> AddedToken:
    """An ordinary added token: a special one would vanish from decoded answers. Those around the image may."""
    return AddedToken(token, lstrip=swallows, rstrip=swallows, normalized=False, special=token in SURROUND)
