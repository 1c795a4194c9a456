"""The hidden states that grounding needs, taken while the language model runs; the others are let go as it goes on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Rows = slice | torch.Tensor


@contextmanager
def watch(
    model: Any, layers: Sequence[int], rows: Rows, into: torch.Tensor | None = None
) -> Iterator[dict[int, torch.Tensor]]:
    """Take some rows of the states ``(B, T, D)`` of one forward pass.

    Args:
        model: a decoder of transformers, with its ``layers`` and its final ``norm``.
        layers: which states: 0 the embedding, the last, of number ``len(model.layers)``, after the final norm.
        rows: a slice of T, or an index ``(R,)`` int64 into all B * T positions.
        into: ``(L, B, R, D)`` for a slice, ``(L, R, D)`` for an index: where the rows are copied. If None they are
            gathered, with their gradients.

    Yields:
        By layer what was taken so far: a part of ``into``, or ``(B, R, D)`` or ``(R, D)`` of its own.
    """
    seen: dict[int, torch.Tensor] = {}
    depth = len(model.layers)

    def take(number: int, states: torch.Tensor) -> None:
        layer = layers[number]
        if into is None:
            # Where layers are run again in the backward pass, this is not: it keeps its own few rows.
            with torch.autograd.graph.saved_tensors_hooks(lambda kept: kept, lambda kept: kept):
                seen[layer] = _rows(states, rows).clone() if isinstance(rows, slice) else _rows(states, rows)
            return
        seen[layer] = into[number]
        if isinstance(rows, torch.Tensor) and states.dtype == into.dtype and states.device == into.device:
            torch.index_select(states.flatten(0, 1), 0, rows, out=into[number])  # no copy between
        else:
            into[number].copy_(_rows(states, rows))

    handles = []
    for number, layer in enumerate(layers):

        def before(_: Any, args: tuple[Any, ...], number: int = number) -> None:
            take(number, args[0])

        def after(_: Any, args: tuple[Any, ...], out: torch.Tensor, number: int = number) -> None:
            take(number, out)

        module: nn.Module = model.norm if layer == depth else model.layers[layer]
        handles.append(
            module.register_forward_hook(after) if layer == depth else module.register_forward_pre_hook(before)
        )
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _rows(states: torch.Tensor, rows: Rows) -> torch.Tensor:
    return states[:, rows] if isinstance(rows, slice) else states.flatten(0, 1)[rows]
