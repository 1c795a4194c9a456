"""What the published code of LISA, GSVA, READ and UGround computes, faults included.

A configuration whose ``published`` names one of them keeps all of this; no preset of ours does. Converted checkpoints
carry it, since their weights were trained so, and parity is checked by it. Beside what is here, the converted
configuration has UGround's ``at_use: last``, the thresholds, the padding and the spelling of the marks.

What differs from ours, and why ours does not do it:

* READ places points by whole pixels of a map that was cut and padded by whole cells, up to 33 px off where the picture
  is not 3:4; SAM scales them by ``x s``, without the half pixel.
* UGround resizes its map four times, and its minimum and maximum count cells that show padding.
* UGround takes a map in [0, 1] as logits, weights the positives of a whole image by one number, in the Dice too, and
  rewards all layers of a micro-batch by one scalar whose scale follows the number of masks.
* GSVA compares rejected targets with masks of zeros, which adds a constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from data.geometry import Frame, Size

SIDE = 336  # of the square that READ and UGround enlarge a map to, whatever the tower's input
BLUR, SIGMA = 31, 7.0  # of UGround's Gaussian, pixels


def cells(frame: Frame) -> torch.Tensor:
    """``(h, w)`` bool: the cells that a map's minimum and maximum are taken over; all, padding too."""
    return torch.ones(frame.target, dtype=torch.bool)


def crop_padding(side: int, size: Size) -> tuple[int, int]:
    """Rows above (and below) and columns left (and right) by which READ pads a square map of ``side`` cells, to undo
    the centre crop of a picture of ``size`` (H, W)."""
    ratio = side / min(size)
    return (int(size[0] * ratio) - side) // 2, (int(size[1] * ratio) - side) // 2


def padded(maps: torch.Tensor, size: Size, fill: float) -> torch.Tensor:
    """``(S, n, n)`` maps with READ's padding around them."""
    rows, columns = crop_padding(maps.shape[-1], size)
    return functional.pad(maps, (columns, columns, rows, rows), value=fill)


def whole_pixels(index: torch.Tensor, shape: tuple[int, int], size: Size) -> torch.Tensor:
    """Cells ``(S, P)`` int64 of a padded map of ``shape`` (h, w) -> ``(S, P, 2)`` XY, whole original pixels."""
    cell = torch.stack([index % shape[1], index // shape[1]], dim=-1).float()
    step = cell.new_tensor([size[1] / shape[1], size[0] / shape[0]])
    most = cell.new_tensor([size[1] - 1, size[0] - 1])
    return ((cell + 0.5) * step).minimum(most).floor()


def read_map(maps: torch.Tensor, size: Size) -> torch.Tensor:
    """READ's map at original pixels: ``(S, h, w)`` in [0, 1] -> ``(S, H, W)``."""
    return _resize(padded(_resize(maps, (SIDE, SIDE)), size, 0.0), size)


def sam_points(points: torch.Tensor, frame: Frame) -> torch.Tensor:
    """``(S, P, 2)`` original pixels, moved so that ``frame`` (to SAM's input) takes x to ``x s`` as SAM's own code
    does, where it would take it to ``(x + 0.5) s - 0.5``."""
    return frame.points_back(points * points.new_tensor(frame.scale))


def uground_map(maps: torch.Tensor, size: Size) -> torch.Tensor:
    """UGround's map at original pixels, which it supervises: ``(S, h, w)`` in [0, 1] -> ``(S, H, W)``."""
    height, width = _longest(size, SIDE)
    return _resize(_resize(maps, (SIDE, SIDE))[..., :height, :width], size)


def uground_mask(maps: torch.Tensor, size: Size, side: int) -> torch.Tensor:
    """UGround's mask prompt ``(S, side, side)``, padded with 0."""
    height, width = _longest(size, side)
    made = uground_map(maps, size)[:, None]
    made = functional.interpolate(made, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    return functional.pad(made[:, 0], (0, side - width, 0, side - height))


def mask_losses(logits: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """BCE and Dice (of sums scaled by 1 / 1000, so that its epsilon of 1e-6 counts) of each mask: two ``(S,)`` tensors.

    Args:
        logits: ``(S, H, W)`` float, original pixels.
        truth: ``(S, H, W)`` bool.
    """
    target = truth.float()
    bce = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).mean(dim=1)
    return bce, _dice(logits.sigmoid() / 1000, target, target / 1000)


def gaussian_losses(maps: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """UGround's BCE and Dice of the maps of one image, taken as logits, against the blurred masks: two scalars.

    Args:
        maps: ``(S, H, W)`` float in [0, 1], original pixels.
        truth: ``(S, H, W)`` bool, none of them empty.
    """
    target = _blurred(truth.float())
    weight = (target.numel() - target.sum()) / target.sum()
    bce = functional.binary_cross_entropy_with_logits(maps, target, pos_weight=weight)
    probability, weighted = maps.sigmoid(), target * weight
    return bce, _dice(probability, weighted, weighted).mean()


@dataclass(frozen=True)
class Drawn:
    """What was drawn on one image (or, for GSVA, in one conversation).

    Attributes:
        logits: ``(K, H, W)`` float, the masks of the ``<SEG>`` marks.
        truth: ``(S, H, W)`` bool, the target of every mark.
        drawn: ``(S,)`` bool, which of the marks are ``<SEG>``; K are.
        maps: ``(K, h, w)`` float in [0, 1], their similarity maps.
    """

    logits: torch.Tensor
    truth: torch.Tensor
    drawn: torch.Tensor
    maps: torch.Tensor


def supervised(
    system: str, ce: torch.Tensor, images: Sequence[Drawn], weights: tuple[float, float, float]
) -> dict[str, torch.Tensor]:
    """The loss of one micro-batch and its parts, weighted, by their published names; ``reward`` where there is one.

    Args:
        system: whose rule for empty masks, and whose map losses.
        ce: mean cross entropy of the answers.
        images: what was drawn.
        weights: of ce, bce and dice.
    """
    bce = dice = gaussian = ce.new_zeros(())
    count = 0
    for image in images:
        logits, truth = image.logits, image.truth[image.drawn]
        if system == "gsva":
            logits = image.truth.new_zeros(image.truth.shape, dtype=torch.float32)
            logits = logits.index_put((image.drawn.nonzero()[:, 0],), image.logits.float())
            truth = image.truth
        number = len(truth)
        count += number
        if not number:
            continue
        each_bce, each_dice = mask_losses(logits.float(), truth)
        bce, dice = bce + each_bce.sum(), dice + each_dice.sum()
        if system == "uground":
            map_bce, map_dice = gaussian_losses(uground_map(image.maps, (truth.shape[1], truth.shape[2])), truth)
            bce, dice = bce + map_bce * number, dice + map_dice * number
            gaussian = gaussian + (map_bce + map_dice) * number
    parts = {
        "ce_loss": weights[0] * ce,
        "mask_bce_loss": weights[1] * bce / (count + 1e-8),
        "mask_dice_loss": weights[2] * dice / (count + 1e-8),
    }
    parts["mask_loss"] = parts["mask_bce_loss"] + parts["mask_dice_loss"]
    parts["loss"] = parts["ce_loss"] + parts["mask_loss"]
    return {**parts, "reward": -gaussian.detach()} if system == "uground" else parts


def _dice(probability: torch.Tensor, target: torch.Tensor, mass: torch.Tensor) -> torch.Tensor:
    both = (probability * target).flatten(1).sum(dim=1)
    total = probability.flatten(1).sum(dim=1) + mass.flatten(1).sum(dim=1)
    return 1 - (2 * both + 1e-6) / (total + 1e-6)


def _blurred(truth: torch.Tensor) -> torch.Tensor:
    """``(S, H, W)`` masks under the Gaussian, each with a maximum of 1."""
    side = min(BLUR, *truth.shape[1:])
    side -= 1 - side % 2
    line = torch.exp(-((torch.arange(side, device=truth.device) - side // 2) ** 2) / (2 * SIGMA**2))
    kernel = (line[:, None] * line[None] / line.sum() ** 2)[None, None]
    made = functional.conv2d(functional.pad(truth[:, None], (side // 2,) * 4, mode="reflect"), kernel)[:, 0]
    return made / made.flatten(1).amax(dim=1)[:, None, None].clamp(min=1e-12)


def _resize(maps: torch.Tensor, size: Size) -> torch.Tensor:
    return functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def _longest(size: Size, side: int) -> Size:
    frame = Frame.letterbox(size, side).window
    return frame[3], frame[2]
