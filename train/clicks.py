"""Simulated clicks and boxes, as SAM is trained with (Kirillov et al. 2023, appendix A, "Training algorithm")."""

import torch


def random_pixel(region: torch.Tensor) -> torch.Tensor:
    """One uniformly drawn pixel of each region.

    Args:
        region: ``(S, H, W)`` bool; an empty one gives an arbitrary pixel.

    Returns:
        ``(S, 2)`` float32, XY, pixel centres.
    """
    count, height, width = region.shape
    draw = torch.rand(count, height * width, device=region.device)
    index = (draw + region.flatten(1)).argmax(dim=1) if count else torch.zeros(0, dtype=torch.int64)
    return torch.stack([index % width, index // width], dim=-1).float()


def corrective(mask: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A click where the mask errs: inside a missed part, or outside on a wrong one; on the target if nothing errs.

    Args:
        mask, target: ``(S, H, W)`` bool.

    Returns:
        points ``(S, 1, 2)`` float32 XY in the masks' pixels, labels ``(S, 1)`` int64 in {1, 0}.
    """
    error = mask ^ target
    right = ~error.flatten(1).any(dim=1)
    points = random_pixel(torch.where(right[:, None, None], target, error))
    x, y = points.long().unbind(-1)
    labels = target[torch.arange(len(target), device=target.device), y, x].long()
    return points[:, None], labels[:, None]


def boxes(target: torch.Tensor, noise: float = 0.1, most: float = 20.0) -> torch.Tensor:
    """Bounding boxes with noise of ``noise`` times the side (standard deviation), at most ``most`` pixels.

    Args:
        target: ``(S, H, W)`` bool.

    Returns:
        ``(S, 4)`` float32 XYXY, pixel centres.
    """
    columns, rows = target.any(dim=1), target.any(dim=2)
    x0, y0 = columns.float().argmax(dim=1), rows.float().argmax(dim=1)
    x1 = target.shape[2] - 1 - columns.flip(1).float().argmax(dim=1)
    y1 = target.shape[1] - 1 - rows.flip(1).float().argmax(dim=1)
    box = torch.stack([x0, y0, x1, y1], dim=-1).float()
    side = torch.stack([x1 - x0, y1 - y0, x1 - x0, y1 - y0], dim=-1).float() + 1
    return box + (torch.randn_like(box) * noise * side).clamp(-most, most)
