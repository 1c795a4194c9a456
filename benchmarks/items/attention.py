"""Attention of the tiny model's packed training rows, forward and backward in bfloat16: matrix products, which training
on CPUs uses, against torch's fused kernel."""

from collections.abc import Iterator
from types import SimpleNamespace

import torch

from benchmarks.bench import Bench
from benchmarks.harness import Result
from model.backbones._attention import additive, products

ROWS, HEADS, LENGTH, WIDTH = 16, 3, 550, 64


def run(bench: Bench) -> Iterator[Result]:
    """The same at every size of the model."""
    query, key, value = (
        torch.randn(ROWS, HEADS, LENGTH, WIDTH, dtype=torch.bfloat16, device=bench.device, requires_grad=True)
        for _ in range(3)
    )
    seen = torch.ones(ROWS, 1, LENGTH, LENGTH, dtype=torch.bool, device=bench.device).tril()
    added, module = additive(seen, torch.bfloat16), SimpleNamespace(training=True)

    def ours() -> None:
        products(module, query, key, value, added, WIDTH**-0.5)[0].float().sum().backward()

    def fused() -> None:
        torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen).float().sum().backward()

    fast, slow = bench.alternate(ours, fused)
    yield Result("attention", f"{ROWS} rows of {LENGTH} tokens, against the fused kernel", fast, slow, "s")
