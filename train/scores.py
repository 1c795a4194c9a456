"""Losses of a batch's targets: their means, and the means by source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from train.batches import GroundingBatch

# The losses that have the same targets; the layer policy's own comes beside those that are weighed.
MARKS, MAPS, MASKS = ("marked",), ("map_bce", "map_dice"), ("bce", "dice", "iou", "mask_iou", "policy")
NAMES = ("map_bce", "map_dice", "bce", "dice", "iou", "mask_iou")
WEIGHED = ("ce", "map_bce", "map_dice", "bce", "dice", "iou")


@dataclass(frozen=True)
class Scores:
    """What one image brings to some losses: ``(n,)`` values of each, of which ``count`` are of targets; the others have
    no weight and are there so that every process computes as much."""

    values: dict[str, torch.Tensor]
    count: int


def weighted(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The weighted mean; 0 where there is no weight."""
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)


def mean(lots: Sequence[Scores], name: str, like: torch.Tensor) -> torch.Tensor:
    """The mean of a loss over the targets; 0 where there are none."""
    found = [lot for lot in lots if name in lot.values]
    total = sum((lot.values[name].sum() * bool(lot.count) for lot in found), torch.zeros_like(like.detach()))
    return total / max(1, sum(lot.count for lot in found))


def sources(batch: GroundingBatch) -> Iterator[tuple[str, list[bool], torch.Tensor]]:
    """Each source of a mixture by name: which pictures are its own, and which of the M learned tokens, ``(M,)`` float32
    of 1 and 0."""
    row = (batch.chat.labels[:, 1:] != -100).nonzero()[:, 0] if any(batch.sources) else None
    for source in sorted({source for source in batch.sources if source}):
        own = [other == source for other in batch.sources]
        yield source, own, torch.tensor(own, device=batch.chat.labels.device)[row].float()


def by_source(
    batch: GroundingBatch, words: Mapping[str, tuple[torch.Tensor, torch.Tensor]], rows: Sequence[Sequence[Scores]]
) -> dict[str, torch.Tensor]:
    """The means of each source of a mixture, where it has targets, "SOURCE/NAME"."""
    made: dict[str, torch.Tensor] = {}
    for source, own, here in sources(batch):
        lots = [lot for mine, row_lots in zip(own, rows, strict=True) if mine for lot in row_lots]
        made[f"{source}/ce"] = weighted(words["ce"][0], words["ce"][1] * here).detach()
        for name in NAMES:
            if any(lot.count for lot in lots if name in lot.values):
                made[f"{source}/{name}"] = mean(lots, name, here.sum()).detach()
    return made
