"""Losses as pure functions, in float32 whatever the autocast, safe for no masks at all."""

import math

import torch
from torch.nn import functional

from data.geometry import Frame


def mask_losses(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """BCE (mean over the pixels) and Dice of each mask.

    Args:
        logits: ``(S, H, W)`` float.
        target: ``(S, H, W)`` bool or float in [0, 1].

    Returns:
        Two ``(S,)`` float32 tensors.
    """
    logits, truth = logits.float(), target.float()
    bce = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").flatten(1).mean(dim=1)
    return bce, _dice(logits.sigmoid(), truth)


def _dice(probability: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    both = (probability * truth).flatten(1).sum(dim=1)
    total = probability.flatten(1).sum(dim=1) + truth.flatten(1).sum(dim=1)
    return 1 - (2 * both + 1) / (total + 1)


def map_target(target: torch.Tensor, frame: Frame, sigma: float = 0.65) -> torch.Tensor:
    """What a similarity map should look like: the mask's share of each cell, blurred, with a maximum of 1.

    UGround (section "Mask as Prompt") blurs with a Gaussian of 7 pixels at 256 x 256, over cells of 10.7 pixels: 0.65
    of a cell.

    Args:
        target: ``(S, H, W)`` bool, original pixels.
        frame: original pixels -> patch grid (h, w).
        sigma: of the Gaussian, in cells.

    Returns:
        ``(S, h, w)`` float32 in [0, 1]; all 0 for an empty target.
    """
    share = frame.map_to(target.float())
    radius = max(1, math.ceil(3 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=share.device) / sigma) ** 2)
    kernel = (line[:, None] * line[None, :] / line.sum() ** 2)[None, None]
    blurred = functional.conv2d(share[:, None], kernel, padding=radius)[:, 0] * frame.valid_mask().to(share)
    return blurred / blurred.flatten(1).amax(dim=1).clamp(min=1e-6)[:, None, None]


def map_losses(
    maps: torch.Tensor, target: torch.Tensor, valid: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """BCE and Dice of each similarity map, taken as logits ``scale * (map - 0.5)``.

    The positive weight (negatives / positives, by mass) is each mask's own and enters the BCE alone (design, section
    4).

    Args:
        maps: ``(S, h, w)`` float in [0, 1].
        target: ``(S, h, w)`` float in [0, 1].
        valid: ``(h, w)`` bool; other cells count in neither.

    Returns:
        Two ``(S,)`` float32 tensors.
    """
    logits, truth = scale * (maps.float()[:, valid] - 0.5), target.float()[:, valid]  # (S, n)
    positive = truth.sum(dim=1, keepdim=True)
    weight = (truth.shape[1] - positive) / positive.clamp(min=1e-3)
    each = weight * truth * functional.softplus(-logits) + (1 - truth) * functional.softplus(logits)
    normal = (weight * truth + 1 - truth).sum(dim=1).clamp(min=1e-6)
    return each.sum(dim=1) / normal, _dice(logits.sigmoid(), truth)


def true_iou(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``(S,)`` float32: IoU of the mask ``logits > 0`` with ``target`` (S, H, W) bool; 1 where both are empty."""
    mask, truth = (logits > 0).flatten(1), target.bool().flatten(1)
    union = (mask | truth).sum(dim=1).float()
    return torch.where(union > 0, (mask & truth).sum(dim=1) / union.clamp(min=1), torch.ones_like(union))


def iou_loss(predicted: torch.Tensor, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the segmenter's IoU estimates ``(S,)`` against the masks' true IoU; 0 for no masks."""
    if not len(predicted):
        return predicted.float().sum()
    return functional.mse_loss(predicted.float(), true_iou(logits.detach(), target))
