"""Safetensors files written a tensor at a time: the library's own writer wants all of a file in memory at once."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from model.convert._plan import Move
from model.convert._reading import DTYPES

NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write(path: Path, moves: Sequence[Move], make: Callable[[Move], torch.Tensor]) -> None:
    """Write a file of the given tensors.

    The format is a header's length in 8 bytes, the header in JSON, and the tensors' bytes without gaps; wider numbers
    come first, so that each begins at a multiple of its width.

    Args:
        path: of the file.
        moves: names, shapes and dtypes.
        make: gives the values of one.
    """
    order = sorted(moves, key=lambda move: -move.dtype.itemsize)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for move in order:
        end = at + move.bytes
        header[move.name] = {"dtype": NAMES[move.dtype], "shape": list(move.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for move in order:
            tensor = make(move)
            assert tensor.dtype == move.dtype and tuple(tensor.shape) == move.shape, move.name
            file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)


def shards(moves: Sequence[Move], most: int) -> list[list[Move]]:
    """Moves in their order, in shards of at most ``most`` bytes where a single one is not larger."""
    made: list[list[Move]] = [[]]
    for move in moves:
        if made[-1] and sum(m.bytes for m in made[-1]) + move.bytes > most:
            made.append([])
        made[-1].append(move)
    return made
