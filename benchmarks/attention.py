"""Attention of the tiny model's packed training rows, forward and backward: matrix products against torch's fused
kernel.

python -m benchmarks.attention
"""

import time
from types import SimpleNamespace

import torch

from model.backbones._attention import additive, products

ROWS, HEADS, LENGTH, WIDTH = 16, 3, 550, 64
REPEATS = 5


def main() -> None:
    """Print the seconds of each, in bfloat16, and their ratio."""
    query, key, value = (
        torch.randn(ROWS, HEADS, LENGTH, WIDTH, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)
    )
    seen = torch.ones(ROWS, 1, LENGTH, LENGTH, dtype=torch.bool).tril()
    added, module = additive(seen, torch.bfloat16), SimpleNamespace(training=True)

    def fused() -> torch.Tensor:
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)

    def ours() -> torch.Tensor:
        return products(module, query, key, value, added, WIDTH**-0.5)[0]

    seconds = {}
    for attend in (fused, ours, fused, ours):  # the first of each warms up
        begin = time.perf_counter()
        for _ in range(REPEATS):
            attend().float().sum().backward()
        seconds[attend.__name__] = (time.perf_counter() - begin) / REPEATS
    print(
        f"fused {seconds['fused']:.3f} s, products {seconds['ours']:.3f} s, {seconds['fused'] / seconds['ours']:.2f} x"
    )


if __name__ == "__main__":
    main()
