"""Attention for training on CPUs, under transformers' name :data:`PRODUCTS`."""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

PRODUCTS = "pinpoint_products"


def products(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Two matrix products and a softmax, all in autocast's type.

    torch's fused kernel saves memory, which a small model has; on two cores it takes 1.7 times as long
    (``python -m benchmarks --only attention``).

    Args:
        query, key, value: ``(B, heads, T, d)``, ``(B, groups, K, d)`` twice.
        attention_mask: ``(B, 1, T, K)``, bool (True: seen) or added to the scores; all is seen if None.

    Returns:
        ``(B, T, heads, d)``, and None for the weights.
    """
    device = query.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else query.dtype
    repeats = query.shape[1] // key.shape[1]
    with torch.autocast(device, enabled=False):  # its softmax would go up to float32 and back
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
        if repeats > 1:
            key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
        scores = (query * scaling) @ key.transpose(2, 3)
        if attention_mask is not None:
            scores = scores + additive(attention_mask, dtype)
        weights = torch.nn.functional.dropout(scores.softmax(dim=-1), p=dropout, training=module.training)
        return (weights @ value).transpose(1, 2).contiguous(), None


def additive(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A mask as what is added to the scores: 0 where it is seen, the least number elsewhere."""
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, torch.finfo(dtype).min)


AttentionInterface.register(PRODUCTS, products)
AttentionMaskInterface.register(PRODUCTS, eager_mask)
