"""Reads a result again and compares it with what it was made from."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from model import config as configs
from model.config import ModelConfig
from model.convert._plan import Move
from model.convert._reading import Reader

SENTENCE = "A cup: [SEG] and\n [REJ]. <im_start><image><im_end>\n Où?"


def compare(
    folder: Path, config: ModelConfig, tokenizer: PreTrainedTokenizerBase, moves: Sequence[Move], reader: Reader
) -> None:
    """Compare every number, the configuration and the tokenizer.

    Raises:
        ValueError: something differs.
    """
    if configs.read(folder / "config.json") != config:
        raise ValueError("check: config.json does not come back as it was written")
    read = AutoTokenizer.from_pretrained(folder / "backbone", local_files_only=True)
    same = (read.get_vocab(), read.chat_template, read(SENTENCE).input_ids)
    if same != (tokenizer.get_vocab(), tokenizer.chat_template, tokenizer(SENTENCE).input_ids):
        raise ValueError("check: the tokenizer does not come back as it was written")
    written = Reader()
    files = sorted(folder.rglob("*.safetensors"))
    part = {file: "backbone" if file.parent != folder else file.stem for file in files}
    held = {(part[file], key.name): key for file in files for key in written.keys(file)}
    wanted = {(move.place.part, move.name) for move in moves}
    differ = sorted(f"{part} {name}" for part, name in wanted ^ set(held))
    for move in moves:
        key = held.get((move.place.part, move.name))
        if key is not None and not _same(written.tensor(key), move.values(reader)):
            differ.append(f"{move.place.part} {move.name}")
    if differ:
        raise ValueError(f"check: {len(differ)} weights do not come back as they were: {', '.join(differ[:10])}")


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Bit for bit: NaN is NaN."""
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    bits = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (first, second)]
    return torch.equal(*bits)
