"""How much each image token answers to a mark."""

import torch


def inner_products(marks: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """``(S, D)`` marks and ``(N, D)`` image tokens, or ``(S, N, D)`` of a layer each -> ``(S, N)`` float32."""
    if image.ndim == 2:
        return marks.float() @ image.float().T
    return torch.einsum("sd,snd->sn", marks.float(), image.float())


def minmax(raw: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """To [0, 1] over the valid cells, each map by itself.

    Args:
        raw: ``(S, h, w)`` float.
        valid: ``(h, w)`` bool.

    Returns:
        ``(S, h, w)`` float32, differentiable; 0 outside the valid cells, and everywhere for a constant map.
    """
    low = raw.masked_fill(~valid, float("inf")).flatten(1).amin(dim=1)[:, None, None]
    high = raw.masked_fill(~valid, float("-inf")).flatten(1).amax(dim=1)[:, None, None]
    return (raw - low) / (high - low + 1e-6) * valid


def similarity(marks: torch.Tensor, image: torch.Tensor, grid: tuple[int, int], valid: torch.Tensor) -> torch.Tensor:
    """Inner products of marks and image tokens, min-max normalised to [0, 1] over the valid cells.

    Args:
        marks: ``(S, D)`` float, states of the marks, each at one layer.
        image: ``(N, D)`` float, states of the image tokens at the same layer, row by row of the grid, N = h * w; or
            ``(S, N, D)`` where the marks' layers differ.
        grid: ``(h, w)``.
        valid: ``(h, w)`` bool, cells that lie on the image.

    Returns:
        ``(S, h, w)`` float32, differentiable; 0 outside the valid cells, and everywhere for a constant map.
    """
    return minmax(inner_products(marks, image).view(len(marks), *grid), valid)
