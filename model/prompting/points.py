"""Similarity as Points: the map's peaks and valleys are clicks (READ, Qian et al. 2024, "Similarity as Points")."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from data.geometry import Frame
from model import published
from model.prompting.base import ChannelBase, Evidence, SegPrompts
from model.similarity import minmax

# Of the window around a point, pixels. What lies beyond it weighs exp(-16) and less, and the map at most e times as
# much in one place as in another: the full grid is within 2e-5 px of it (from whole pixels 5e-7; design, section 4).
RADIUS = 3


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        factor: the map is averaged over factor x factor cells first.
        positive, negative: cells at or above / at or below become points inside / outside; between them, no point.
        keep: points kept for each mask; padded with label -1.
    """

    factor: int = 2
    positive: float = 0.8
    negative: float = 0.2
    keep: int = 30

    def __post_init__(self) -> None:
        """Raises ValueError for values that leave no points."""
        if self.factor < 1 or self.keep < 1:
            raise ValueError(f"points: factor {self.factor} and keep {self.keep} must be at least 1")


class Channel(ChannelBase):
    """Labelled points for all masks at once, differentiable with respect to the map."""

    options: Options

    def check(self, grid: tuple[int, int]) -> None:
        """The map has a cell after averaging, no more points are kept than it has cells, and thresholds lie in it."""
        height, width = grid
        if self.options.factor > min(grid):
            raise ValueError(
                f"points: factor {self.options.factor} leaves nothing of a map of {width} x {height} cells"
            )
        if self.options.keep > height * width:
            raise ValueError(f"points: keep {self.options.keep} is more than the map's {height * width} cells")
        for name, value in (("positive", self.options.positive), ("negative", self.options.negative)):
            if not 0 <= value <= 1:
                raise ValueError(f"points: {name} {value} is not in [0, 1], where a map's values lie")

    def forward(self, evidence: Evidence) -> SegPrompts:
        """Points ``(S, keep, 2)`` in original pixels and their labels ``(S, keep)``."""
        if evidence.published:
            return self._published(evidence)
        factor = self.options.factor
        maps, frame = evidence.maps, evidence.frame
        valid = frame.valid_mask().to(maps.device)
        coarse, coarse_frame = maps, frame
        if factor > 1 and min(maps.shape[-2:]) >= factor:
            share = functional.avg_pool2d(valid[None].float(), factor)[0]
            coarse = functional.avg_pool2d(maps[:, None], factor)[:, 0] / share.clamp(min=1e-6)
            height, width = (side // factor * factor for side in maps.shape[-2:])
            cut = Frame(frame.source, (height, width), frame.scale, frame.offset)
            coarse_frame, valid = cut.scaled(height // factor, width // factor), share > 0
            coarse = minmax(coarse, valid)
        index, labels = select(coarse, valid, self.options)
        width = coarse.shape[-1]
        cells = torch.stack([index % width, index // width], dim=-1).float()
        points = refine(coarse_frame.points_back(cells), maps, frame)
        return SegPrompts(points=points, labels=labels)

    def _published(self, evidence: Evidence) -> SegPrompts:
        """The same by READ's own mapping."""
        size, maps = evidence.frame.source, evidence.maps
        side = maps.shape[-1] // self.options.factor
        coarse = functional.interpolate(maps[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]
        coarse = minmax(coarse, torch.ones(side, side, dtype=torch.bool, device=maps.device))
        coarse = published.padded(coarse, size, -1.0)
        shape = (coarse.shape[-2], coarse.shape[-1])
        rows, columns = published.crop_padding(side, size)
        valid = torch.zeros(shape, dtype=torch.bool, device=maps.device)
        valid[rows : rows + side, columns : columns + side] = True
        index, labels = select(coarse, valid, self.options)
        start = published.whole_pixels(index, shape, size)
        points = refine(start, published.read_map(maps, size), Frame.identity(size))
        return SegPrompts(points=published.sam_points(points, evidence.input_frame), labels=labels)


def select(maps: torch.Tensor, valid: torch.Tensor, options: Options) -> tuple[torch.Tensor, torch.Tensor]:
    """Which cells become points: positives by falling score, negatives by rising score, then neutrals; ties by index.

    Args:
        maps: ``(S, h, w)`` in [0, 1].
        valid: ``(h, w)`` bool; other cells never count.

    Returns:
        Cell indices ``(S, keep)`` int64 and labels ``(S, keep)`` int64 in {1, 0, -1}.
    """
    scores = maps.detach().flatten(1).float()
    inside = valid.flatten()[None]
    flat = scores.masked_fill(~inside, 0).amax(dim=1, keepdim=True) <= 0  # a flat map says nothing
    positive = (scores >= options.positive) & inside & ~flat
    negative = (scores <= options.negative) & inside & ~flat & ~positive
    rank = torch.where(inside, 4.0, 5.0).to(scores)
    rank = torch.where(positive, 1 - scores, torch.where(negative, 2 + scores, rank))
    order = rank.sort(dim=1, stable=True)
    labels = torch.where(order.values < 2, 1, torch.where(order.values < 4, 0, -1))
    index, labels = order.indices[:, : options.keep], labels[:, : options.keep]
    short = options.keep - index.shape[1]
    return functional.pad(index, (0, short)), functional.pad(labels, (0, short), value=-1)


def refine(points: torch.Tensor, maps: torch.Tensor, frame: Frame) -> torch.Tensor:
    """Discrete to continuous: each point moves to the expectation of the pixel grid under
    ``exp(-|g - p|^2) * softmax(map)``, over a window clipped at the image's edge.

    Args:
        points: ``(S, P, 2)`` float, XY, original pixels.
        maps: ``(S, h, w)`` in [0, 1], over the patch grid of ``frame``.

    Returns:
        ``(S, P, 2)`` float32, XY, original pixels; gradients flow to ``maps``.
    """
    height, width = frame.source
    most = points.new_tensor([width - 1, height - 1])
    points = points.float().clamp(min=0).minimum(most)
    span = torch.arange(-RADIUS, RADIUS + 1, device=points.device)
    window = torch.stack(torch.meshgrid(span, span, indexing="xy"), dim=-1).flatten(0, 1)  # (K, 2)
    pixels = points.round()[:, :, None] + window  # (S, P, K, 2)
    inside = ((pixels >= 0) & (pixels <= most)).all(dim=-1)
    weight = torch.exp(-((pixels - points[:, :, None]) ** 2).sum(dim=-1) + _read(maps, frame, pixels)) * inside
    weight = weight / weight.sum(dim=-1, keepdim=True)
    return (weight[..., None] * pixels).sum(dim=2)


def _read(maps: torch.Tensor, frame: Frame, pixels: torch.Tensor) -> torch.Tensor:
    """The maps, bilinearly, at original pixels ``(S, P, K, 2)`` -> ``(S, P, K)``; edges of the valid part hold on."""
    left, top, right, bottom = frame.window
    shown = maps[:, None, top:bottom, left:right].float()
    cells = frame.points(pixels) - pixels.new_tensor([left, top])
    grid = (cells + 0.5) / pixels.new_tensor([right - left, bottom - top]) * 2 - 1
    return functional.grid_sample(shown, grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0]
