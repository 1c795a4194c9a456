"""Pixel frames: the only resizing code of the project.

A :class:`Frame` maps original pixels to another grid (a network's input, a patch grid, a mask prompt) by one scale and
one offset an axis. An integer coordinate is the *centre* of a pixel, so scaling by s maps x to (x + 0.5) s - 0.5.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

Points = TypeVar("Points", np.ndarray, torch.Tensor)
Size = tuple[int, int]
# Pillow gives the memory of a picture back each time; asking for it anew took a fifth of a resize to 1024 x 1024.
Image.core.set_blocks_max(4)


MOST_CUT = 64  # areas of the target that a picture may fill before what sticks out is cut


@dataclass(frozen=True)
class Frame:
    """Original pixels -> target pixels.

    Attributes:
        source: ``(H, W)`` of the original image.
        target: ``(h, w)`` of the target grid, padding included.
        scale: ``(sx, sy)``, target pixels an original pixel.
        offset: ``(ox, oy)``, where the original's top-left *corner* falls, in target pixels; negative when cropped.
    """

    source: Size
    target: Size
    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def identity(cls, size: Size) -> "Frame":
        """The original pixels themselves."""
        return cls(size, size, (1.0, 1.0), (0.0, 0.0))

    @classmethod
    def stretch(cls, size: Size, target: Size) -> "Frame":
        """Plain resize to ``target``, the aspect ratio lost."""
        return cls(size, target, (target[1] / size[1], target[0] / size[0]), (0.0, 0.0))

    @classmethod
    def letterbox(cls, size: Size, target: int | Size, centred: bool = False) -> "Frame":
        """As large as it fits into ``target`` (a square's side, or (h, w)); padded below and to the right (SAM), or on
        both sides.

        The content is a whole number of pixels, at least one, rounded as SAM rounds, so a scale may differ a little
        between the axes.
        """
        whole = _pair(target)
        ratio = min(have / side for have, side in zip(whole, size, strict=True))
        content = [max(1, min(have, int(side * ratio + 0.5))) for have, side in zip(whole, size, strict=True)]
        offset = [float((have - side) // 2) if centred else 0.0 for have, side in zip(whole, content, strict=True)]
        scale = (content[1] / size[1], content[0] / size[0])
        return cls(size, whole, scale, (offset[1], offset[0]))

    @classmethod
    def centre_crop(cls, size: Size, target: int | Size) -> "Frame":
        """As small as it fills ``target`` (a square's side, or (h, w)), what sticks out is cut; the content is rounded
        down, as CLIP's processor does."""
        whole = _pair(target)
        ratio = max(have / side for have, side in zip(whole, size, strict=True))
        content = [max(have, int(side * ratio + 1e-9)) for have, side in zip(whole, size, strict=True)]
        offset = [-float((side - have) // 2) for have, side in zip(whole, content, strict=True)]
        scale = (content[1] / size[1], content[0] / size[0])
        return cls(size, whole, scale, (offset[1], offset[0]))

    def scaled(self, height: int, width: int) -> "Frame":
        """The same map followed by a plain resize of the target to ``(height, width)``: a patch grid, a mask prompt."""
        fx, fy = width / self.target[1], height / self.target[0]
        scale = (self.scale[0] * fx, self.scale[1] * fy)
        return Frame(self.source, (height, width), scale, (self.offset[0] * fx, self.offset[1] * fy))

    def points(self, xy: Points) -> Points:
        """``(..., 2)`` XY in original pixels -> target pixels."""
        return (xy + 0.5) * _like(self.scale, xy) + _like(self.offset, xy) - 0.5

    def points_back(self, xy: Points) -> Points:
        """``(..., 2)`` XY in target pixels -> original pixels."""
        return (xy + 0.5 - _like(self.offset, xy)) / _like(self.scale, xy) - 0.5

    @property
    def window(self) -> tuple[int, int, int, int]:
        """The target's pixels that show the image at all: left, top, right, bottom (exclusive)."""
        edges = []
        for axis, (side, length) in enumerate(zip(self.target[::-1], self.source[::-1], strict=True)):
            low, high = self.offset[axis], self.offset[axis] + length * self.scale[axis]
            first = min(max(0, int(np.floor(low + 1e-6))), side - 1)
            edges.append((first, max(first + 1, min(side, int(np.ceil(high - 1e-6))))))
        (left, right), (top, bottom) = edges
        return left, top, right, bottom

    def valid_mask(self) -> torch.Tensor:
        """``(h, w)`` bool: target pixels whose centre lies on the image (at least one is valid)."""
        lines = []
        for axis, side in enumerate(self.target[::-1]):
            low = self.offset[axis]
            high = low + self.source[1 - axis] * self.scale[axis]
            centre = torch.arange(side) + 0.5
            inside = (centre > low) & (centre < high)
            if not inside.any():  # thinner than a cell
                inside[min(side - 1, max(0, int((low + high) / 2)))] = True
            lines.append(inside)
        return lines[1][:, None] & lines[0][None, :]

    def image(
        self, image: np.ndarray, fill: tuple[int, int, int] = (0, 0, 0), resample: str = "bilinear"
    ) -> np.ndarray:
        """``(H, W, 3)`` uint8 -> ``(h, w, 3)`` uint8, antialiased, ``resample`` "bilinear" or "bicubic"; what the image
        does not cover is ``fill``. For frames of whole pixels: letterbox, centre crop, stretch. In memory the channels
        come first, as networks want them: ``made.transpose(2, 0, 1)`` is contiguous."""
        left, top, right, bottom = self.window
        wide, high = (round(side * scale) for side, scale in zip(self.source[::-1], self.scale, strict=True))
        x, y = (max(0, -round(offset)) for offset in self.offset)
        cut = (x, y, x + right - left, y + bottom - top)
        padded = (right - left, bottom - top) != self.target[::-1]
        if wide * high <= MOST_CUT * self.target[0] * self.target[1]:
            # Resized whole and cut then, as CLIP's processor does: its filter sees what lies beyond the cut.
            made = _resized(image, (high, wide), resample, exact=not padded)[:, cut[1] : cut[3], cut[0] : cut[2]]
        else:  # a line of a picture would become gigabytes
            fx, fy = self.source[1] / wide, self.source[0] / high
            box = (cut[0] * fx, cut[1] * fy, cut[2] * fx, cut[3] * fy)
            made = _by_pillow(image, (bottom - top, right - left), resample, box)
        out = torch.empty((3, *self.target), dtype=torch.uint8)
        for plane, value in zip(out, fill, strict=True):
            plane[:top] = plane[bottom:] = value
            plane[top:bottom, :left] = plane[top:bottom, right:] = value
        out[:, top:bottom, left:right] = made
        return out.numpy().transpose(1, 2, 0)

    def map_to(self, maps: torch.Tensor) -> torch.Tensor:
        """``(..., H, W)`` float over original pixels -> ``(..., h, w)``: the mean over each target pixel's area, the
        part of it outside the image counting 0."""
        rows = _overlap(self.target[0], self.source[0], self.scale[1], self.offset[1]).to(maps)
        columns = _overlap(self.target[1], self.source[1], self.scale[0], self.offset[0]).to(maps)
        return _apply(rows, maps, columns)

    def map_back(self, maps: torch.Tensor) -> torch.Tensor:
        """``(..., h, w)`` float in the target -> ``(..., H, W)`` over original pixels, bilinear; pixels that the target
        does not show take the nearest edge."""
        left, top, right, bottom = self.window
        height, width = self.source
        shown = maps[..., top:bottom, left:right]
        sides = (width * self.scale[0] - (right - left), height * self.scale[1] - (bottom - top))
        whole = all(abs(side) < 1e-6 for side in sides)  # the window is the image exactly, no part of a cell more
        if whole and min(self.offset) >= 0 and all(abs(o - round(o)) < 1e-6 for o in self.offset):
            flat = shown.reshape(-1, 1, *shown.shape[-2:])
            made = functional.interpolate(flat, size=(height, width), mode="bilinear", align_corners=False)
            return made.reshape(*maps.shape[:-2], height, width)
        rows = _bilinear(height, self.target[0], self.scale[1], self.offset[1], top, bottom).to(maps)
        columns = _bilinear(width, self.target[1], self.scale[0], self.offset[0], left, right).to(maps)
        return _apply(rows, maps, columns)

    def resample(self, maps: torch.Tensor, other: "Frame") -> torch.Tensor:
        """``(..., h, w)`` float in this frame's target -> ``other``'s target (both of one image), bilinear; 0 where
        ``other`` does not show the image."""
        left, top, right, bottom = self.window
        fx, fy = self.scale[0] / other.scale[0], self.scale[1] / other.scale[1]
        ox, oy = self.offset[0] - other.offset[0] * fx, self.offset[1] - other.offset[1] * fy
        rows = _bilinear(other.target[0], self.target[0], fy, oy, top, bottom).to(maps)
        columns = _bilinear(other.target[1], self.target[1], fx, ox, left, right).to(maps)
        return _apply(rows, maps, columns) * other.valid_mask().to(maps)


def _resized(image: np.ndarray, size: Size, resample: str, exact: bool) -> torch.Tensor:
    """``(H, W, 3)`` uint8 -> ``(3, *size)`` uint8.

    By torch, in a third of Pillow's time or less. They round their weights differently: bilinear, up to 0.3% of the
    values differ by one level of 255; bicubic, up to 1%, by two at most. ``exact`` leaves bicubic to Pillow: CLIP's
    processor, which fills its square, gives Pillow's very bytes.
    """
    if size == image.shape[:2]:
        return _planes(image)
    if resample == "bicubic" and exact:
        return _by_pillow(image, size, resample)
    return functional.interpolate(_planes(image)[None], size=size, mode=resample, antialias=True)[0]


def _by_pillow(
    image: np.ndarray, size: Size, resample: str, box: tuple[float, float, float, float] | None = None
) -> torch.Tensor:
    """The same, of a part of the image: ``box`` is its left, top, right, bottom in original pixels."""
    made = Image.fromarray(image).resize(size[::-1], Image.Resampling[resample.upper()], box=box)
    return _planes(np.array(made))


def _planes(image: np.ndarray) -> torch.Tensor:
    """``(H, W, 3)`` -> ``(3, H, W)`` of the same memory, unless torch cannot share it."""
    return torch.from_numpy(np.require(image, requirements=["C", "W"])).permute(2, 0, 1)


def _pair(target: int | Size) -> Size:
    return (target, target) if isinstance(target, int) else target


def _like(pair: tuple[float, float], xy: Points) -> Points:
    if isinstance(xy, torch.Tensor):
        return torch.tensor(pair, dtype=xy.dtype, device=xy.device)
    return np.asarray(pair, dtype=xy.dtype)


def _apply(rows: torch.Tensor, maps: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    with torch.autocast(maps.device.type, enabled=False):  # half precision would blur the places
        return rows @ maps @ columns.T


def _overlap(target: int, source: int, scale: float, offset: float) -> torch.Tensor:
    """``(target, source)``: the share of each target pixel that each source pixel covers."""
    low = torch.arange(source, dtype=torch.float64) * scale + offset
    cell = torch.arange(target, dtype=torch.float64)[:, None]
    shared = torch.minimum(low + scale, cell + 1) - torch.maximum(low, cell)
    return shared.clamp(min=0).float()


def _bilinear(out: int, length: int, scale: float, offset: float, first: int, last: int) -> torch.Tensor:
    """``(out, length)``: weights that read a line of ``length`` pixels, of which [first, last) are valid, at the
    places ``(i + 0.5) scale + offset - 0.5`` of ``out`` pixels i."""
    place = ((torch.arange(out, dtype=torch.float64) + 0.5) * scale + offset - 0.5).clamp(first, last - 1)
    below = place.floor().long().clamp(max=last - 1)
    above = (below + 1).clamp(max=last - 1)
    share = place - below
    weights = torch.zeros(out, length, dtype=torch.float64)
    weights.scatter_add_(1, below[:, None], (1 - share)[:, None])
    weights.scatter_add_(1, above[:, None], share[:, None])
    return weights.float()
