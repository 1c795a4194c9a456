"""The vision tower learns to see: each patch tells what covers it, in which colour, and where that thing's centre lies.

A released LLaVA starts from a CLIP tower that has seen 400 million pictures. The tiny one has seen none, and words
about
a picture are a slow teacher for pixels; the drawn world knows the truth of each patch, so its tower starts from that.
The heads that read the patches are thrown away afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset

from data.world.compose import compose
from data.world.palette import COLOURS
from data.world.render import render
from data.world.scene import SIZES
from data.world.things import KINDS
from model.grounding import GroundingModel
from train.batches import moved

KIND = {name: i for i, name in enumerate(KINDS)}
COLOUR = {name: i for i, name in enumerate(COLOURS)}


@dataclass(frozen=True)
class Options:
    """Weights of the losses; the weight of a patch that shows only backdrop, where a covered one has 1 more; and the
    least share of a patch that a thing must cover to be asked for its place."""

    kind: float = 1.0
    colour: float = 0.5
    place: float = 1.0
    backdrop: float = 0.1
    covered: float = 0.25


@dataclass(frozen=True)
class Patches:
    """``prepared`` ``(B, 3, Hb, Wb)`` uint8. Truth of each of N patches: ``kind`` ``(B, N, kinds + 1)`` and ``colour``
    ``(B, N, colours + 1)``, the share of the patch that each covers (last: the backdrop); ``place`` ``(B, N, 3)``, from
    the patch to the centre of the thing covering most of it, XY, in patches, and that thing's size class; ``covered``
    ``(B, N)``, its share."""

    prepared: torch.Tensor
    kind: torch.Tensor
    colour: torch.Tensor
    place: torch.Tensor
    covered: torch.Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Patches":
        """The batch on another device."""
        return moved(self, device, non_blocking)


class Scenes(Dataset[Patches]):
    """Scenes of ``train`` as pictures and patch truth."""

    def __init__(self, model: GroundingModel, options: Options, first: int, count: int) -> None:
        self.prepare, self.frame = model.backbone.prepare, model.backbone.frame
        self.first, self.count = first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Patches:
        scene = compose("train", self.first + index)
        picture = render(scene)
        frame = self.frame((scene.height, scene.width))
        masks = torch.from_numpy(picture.masks)
        shares = frame.map_to(masks.float()).flatten(1)  # (things, N)
        kind = torch.zeros(shares.shape[1], len(KINDS) + 1)
        colour = torch.zeros(shares.shape[1], len(COLOURS) + 1)
        for share, thing in zip(shares, scene.things, strict=True):
            kind[:, KIND[thing.kind]] += share
            colour[:, COLOUR[thing.colour]] += share
        kind[:, -1] = colour[:, -1] = (1 - shares.sum(dim=0)).clamp(min=0)
        centres = frame.points(torch.stack([_centre(mask) for mask in masks]))  # (things, 2) in patches
        most, which = shares.max(dim=0)
        height, width = frame.valid_mask().shape
        here = torch.stack(torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"), dim=-1)
        size = torch.tensor([SIZES.index(thing.size) for thing in scene.things])
        place = torch.cat([centres[which] - here.flatten(0, 1), size[which][:, None]], dim=1)
        return Patches(self.prepare(picture.image), kind, colour, place.float(), most)


def _centre(mask: torch.Tensor) -> torch.Tensor:
    return torch.nonzero(mask).float().mean(dim=0).flip(0)


dataset = Scenes


def collate(model: GroundingModel, items: Sequence[Patches]) -> Patches:
    """Stack the pictures and their patches."""
    names = ("prepared", "kind", "colour", "place", "covered")
    return Patches(*(torch.stack([getattr(item, name) for item in items]) for name in names))


class Objective(nn.Module):
    """Named losses of the vision tower on :class:`Patches`, with the share of things' patches named rightly."""

    def __init__(self, model: GroundingModel, options: Options) -> None:
        super().__init__()
        self.model, self.options = model, options
        width = model.backbone.tower_size
        self.kind = nn.Linear(width, len(KINDS) + 1)
        self.colour = nn.Linear(width, len(COLOURS) + 1)
        self.place = nn.Linear(width, 3)

    def forward(self, batch: Patches) -> dict[str, torch.Tensor]:
        seen = self.model.backbone.see(batch.prepared)  # (B, N, tower_size)
        kinds = self.kind(seen).float()
        weight = self.options.backdrop + batch.covered.flatten()
        kind = _weighted(kinds, batch.kind, weight)
        colour = _weighted(self.colour(seen).float(), batch.colour, weight)
        sure = batch.covered > self.options.covered
        place = functional.smooth_l1_loss(self.place(seen).float()[sure], batch.place[sure], beta=0.5)
        right = (kinds.argmax(-1) == batch.kind.argmax(-1))[batch.covered > 0.5].float().mean()
        weights = (self.options.kind, self.options.colour, self.options.place)
        loss = sum((w * x for w, x in zip(weights, (kind, colour, place), strict=True)), torch.zeros_like(kind))
        return {"loss": loss, "kind": kind, "colour": colour, "place": place, "right": right.detach()}


def _weighted(logits: torch.Tensor, share: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross entropy of ``(B, N, K)`` against shares, as a mean over the patches weighted by ``(B * N,)``."""
    each = functional.cross_entropy(logits.flatten(0, 1), share.flatten(0, 1), reduction="none")
    return (weight * each).sum() / weight.sum()
