"""An image encoder learns to see: each patch tells what covers it, in which colour, where that thing's centre lies, how
it is cut out and where the patch is itself.

A released LLaVA starts from a CLIP tower that has seen 400 million pictures, a released SAM from a masked autoencoder.
The tiny ones have seen none, and words or clicks are slow teachers for pixels; the drawn world knows the truth of each
patch, so its encoders start from that. The heads that read the patches are thrown away afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset

from data.world.palette import COLOURS
from data.world.things import KINDS
from data.world.world import World
from model.grounding import GroundingModel
from train.batches import moved

CUT = 4  # the outline of a thing is asked for on CUT x CUT parts of a patch


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        part: which encoder learns.
        kind, colour, place, outline, here: weights of the losses.
        backdrop: weight of a patch that shows only backdrop, where a covered one has 1 more.
        covered: the least share of a patch that a thing must cover to be asked for its place.
    """

    part: Literal["tower", "segmenter"] = "tower"
    kind: float = 1.0
    colour: float = 0.5
    place: float = 1.0
    outline: float = 0.0
    here: float = 1.0
    backdrop: float = 0.1
    covered: float = 0.25


@dataclass(frozen=True)
class Patches:
    """Pictures and the truth of each of their N patches.

    Attributes:
        prepared: ``(B, 3, S, S)`` uint8.
        sizes: ``(B, 2)`` int64, original H, W of each picture.
        kind, colour: ``(B, N, kinds + 1)``, ``(B, N, colours + 1)``, the share of the patch that each covers; the last
            is the backdrop's.
        place: ``(B, N, 3)``, from the patch to the centre of the thing covering most of it, XY, in patches, and that
            thing's size class.
        outline: ``(B, N, CUT * CUT)``, the share of each part of the patch that this thing covers, row by row.
        here: ``(B, N, 2)``, the patch's own place, XY, 0 to 1 over the picture.
        covered: ``(B, N)``, the share of the patch that this thing covers.
    """

    prepared: torch.Tensor
    sizes: torch.Tensor
    kind: torch.Tensor
    colour: torch.Tensor
    place: torch.Tensor
    outline: torch.Tensor
    here: torch.Tensor
    covered: torch.Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Patches":
        """The batch on another device."""
        return moved(self, device, non_blocking)


class Scenes(Dataset[Patches]):
    """Scenes of ``train`` as pictures and patch truth."""

    def __init__(self, model: GroundingModel, options: Options, first: int, count: int) -> None:
        tower, segmenter = model.backbone, model.segmenter
        if options.part == "tower":
            self.prepare, self.frame = tower.prepare, tower.frame
        else:
            self.prepare, self.frame = segmenter.prepare, segmenter.patch_frame
        self.world = World("train", count, start=first)

    def __len__(self) -> int:
        return len(self.world)

    def __getitem__(self, index: int) -> Patches:
        facts = self.world.facts(index)
        masks, kinds, colours, sizes = map(torch.from_numpy, (facts.masks, facts.kinds, facts.colours, facts.sizes))
        size = (masks.shape[1], masks.shape[2])
        frame = self.frame(size)
        height, width = frame.valid_mask().shape
        fine = frame.scaled(CUT * height, CUT * width).map_to(masks.float())
        fine = fine.view(len(masks), height, CUT, width, CUT).transpose(2, 3).flatten(3).flatten(1, 2)
        shares = fine.mean(dim=2)  # (things, N)
        most, which = shares.max(dim=0)
        centres = frame.points(torch.stack([_centre(mask) for mask in masks]))  # (things, 2) in patches
        cells = torch.stack(torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"), dim=-1)
        cells = cells.flatten(0, 1).float()  # (N, 2)
        return Patches(
            prepared=self.prepare(facts.image),
            sizes=torch.tensor(size),
            kind=_shares(shares, kinds, len(KINDS)),
            colour=_shares(shares, colours, len(COLOURS)),
            place=torch.cat([centres[which] - cells, sizes[which][:, None]], dim=1),
            outline=fine[which, torch.arange(len(cells))],
            here=frame.points_back(cells) / cells.new_tensor([size[1], size[0]]),
            covered=most,
        )


def _centre(mask: torch.Tensor) -> torch.Tensor:
    return torch.nonzero(mask).float().mean(dim=0).flip(0)


def _shares(shares: torch.Tensor, names: torch.Tensor, count: int) -> torch.Tensor:
    """``(things, N)`` shares of the patches and ``(things,)`` names -> ``(N, count + 1)``, the rest in the last."""
    made = torch.zeros(shares.shape[1], count + 1)
    made.index_add_(1, names, shares.T)
    made[:, -1] = (1 - shares.sum(dim=0)).clamp(min=0)
    return made


dataset = Scenes


def collate(model: GroundingModel, items: Sequence[Patches]) -> Patches:
    """Stack the pictures and their patches."""
    return Patches(*(torch.stack([getattr(item, field.name) for item in items]) for field in fields(Patches)))


class Objective(nn.Module):
    """Named losses of the encoder on :class:`Patches`, with the share of things' patches named rightly."""

    def __init__(self, model: GroundingModel, options: Options) -> None:
        super().__init__()
        self.model, self.options = model, options
        width = model.backbone.tower_size if options.part == "tower" else model.segmenter.prompt_size
        self.kind = nn.Linear(width, len(KINDS) + 1)
        self.colour = nn.Linear(width, len(COLOURS) + 1)
        self.place = nn.Linear(width, 3)
        self.outline = nn.Linear(width, CUT * CUT)
        self.here = nn.Linear(width, 2)

    def forward(self, batch: Patches) -> dict[str, torch.Tensor]:
        seen = self._see(batch)
        kinds = self.kind(seen).float()
        weight = self.options.backdrop + batch.covered.flatten()
        sure = batch.covered > self.options.covered
        shown = (batch.here > 0).all(dim=-1) & (batch.here < 1).all(dim=-1)  # not padding
        smooth_l1, outline = functional.smooth_l1_loss, functional.binary_cross_entropy_with_logits
        parts = {
            "kind": _weighted(kinds, batch.kind, weight),
            "colour": _weighted(self.colour(seen).float(), batch.colour, weight),
            "place": smooth_l1(self.place(seen).float()[sure], batch.place[sure], beta=0.5),
            "outline": outline(self.outline(seen).float()[batch.covered > 0], batch.outline[batch.covered > 0]),
            "here": smooth_l1(self.here(seen).float()[shown], batch.here[shown], beta=0.1),
        }
        loss = sum((getattr(self.options, name) * part for name, part in parts.items()), seen.new_zeros(()))
        right = (kinds.argmax(-1) == batch.kind.argmax(-1))[batch.covered > 0.5].float().mean()
        return {"loss": loss, **parts, "right": right.detach()}

    def _see(self, batch: Patches) -> torch.Tensor:
        """The encoder's patches ``(B, N, width)``."""
        sizes = [(height, width) for height, width in batch.sizes.tolist()]
        if self.options.part == "tower":
            return self.model.backbone.see(batch.prepared, sizes)
        encoded = self.model.segmenter.encode(batch.prepared, sizes)
        width = self.model.segmenter.prompt_size  # finer levels come after it
        return torch.cat([features.tensor[:, :width] for features in encoded]).flatten(2).transpose(1, 2)


def _weighted(logits: torch.Tensor, share: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross entropy of ``(B, N, K)`` against shares, as a mean over the patches weighted by ``(B * N,)``."""
    each = functional.cross_entropy(logits.flatten(0, 1), share.flatten(0, 1), reduction="none")
    return (weight * each).sum() / weight.sum()
