"""How much each image token answers to a mark."""

import torch


def similarity(marks: torch.Tensor, image: torch.Tensor, grid: tuple[int, int], valid: torch.Tensor) -> torch.Tensor:
    """Inner products of marks and image tokens, min-max normalised to [0, 1] over the valid cells.

    Args:
        marks: ``(S, D)`` float, states of the marks at one layer.
        image: ``(N, D)`` float, states of the image tokens at the same layer, row by row of the grid.
        grid: ``(h, w)``, N = h * w.
        valid: ``(h, w)`` bool, cells that lie on the image.

    Returns:
        ``(S, h, w)`` float32, differentiable; 0 outside the valid cells, and everywhere for a constant map.
    """
    raw = (marks.float() @ image.float().T).view(len(marks), *grid)
    low = raw.masked_fill(~valid, float("inf")).flatten(1).amin(dim=1)[:, None, None]
    high = raw.masked_fill(~valid, float("-inf")).flatten(1).amax(dim=1)[:, None, None]
    return ((raw - low) / (high - low + 1e-6)) * valid
