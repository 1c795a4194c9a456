"""The segmenter, as SAM is trained: clicks, boxes and earlier masks as prompts, with iterated corrective clicks.

Source: Kirillov et al. 2023, appendix A. Two things differ. Some first prompts are coarse maps (the target's own
coverage of the patch grid, disturbed, through the model's map channels), because that is what the language model will
send. And the rounds are few: scenes are simple.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import Dataset

from data.world.compose import compose
from data.world.render import render
from model import losses
from model.grounding import GroundingModel
from model.prompting.base import Evidence, SegPrompts
from model.segmenters.base import Features, Masks
from train import clicks
from train.batches import moved

MAP_CHANNELS = ("points", "mask")


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        masks: things asked for in each picture.
        rounds: decoder passes; each after the first has one more corrective click and the earlier mask.
        coarse: share of pictures whose first prompt is a coarse map.
        bce, dice, iou: weights of the losses.
    """

    masks: int = 4
    rounds: int = 3
    coarse: float = 0.4
    bce: float = 2.0
    dice: float = 1.0
    iou: float = 0.5


@dataclass(frozen=True)
class Pictures:
    """``sam`` ``(B, 3, S, S)`` uint8; ``masks[b]`` ``(M_b, H_b, W_b)`` bool, the truth of some things of each."""

    sam: torch.Tensor
    masks: list[torch.Tensor]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Pictures":
        """The batch on another device."""
        return moved(self, device, non_blocking)


class Things(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Scenes of ``train`` with the masks of a few of their things."""

    def __init__(self, model: GroundingModel, options: Options, first: int, count: int) -> None:
        self.prepare, self.options, self.first, self.count = model.segmenter.prepare, options, first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        seed = self.first + index
        picture = render(compose("train", seed))
        chosen = torch.randperm(len(picture.masks), generator=torch.Generator().manual_seed(seed))[: self.options.masks]
        return self.prepare(picture.image), torch.from_numpy(picture.masks)[chosen]


dataset = Things


def collate(model: GroundingModel, items: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> Pictures:
    """Stack the pictures; masks stay a list, their sizes differ."""
    return Pictures(torch.stack([sam for sam, _ in items]), [masks for _, masks in items])


class Objective(nn.Module):
    """Named losses of the segmenter on :class:`Pictures`, with the IoU after the first and the last round."""

    def __init__(self, model: GroundingModel, options: Options) -> None:
        super().__init__()
        self.model, self.options = model, options

    def forward(self, batch: Pictures) -> dict[str, torch.Tensor]:
        sizes = [(masks.shape[1], masks.shape[2]) for masks in batch.masks]
        encoded = self.model.segmenter.encode(batch.sam, sizes)
        rounds = [r for pair in zip(encoded, batch.masks, strict=True) for r in self._rounds(*pair)]
        mean = {name: torch.stack([r[name] for r in rounds]).mean() for name in ("bce", "dice", "iou")}
        best = torch.stack([r["best"] for r in rounds]).view(len(encoded), self.options.rounds)
        weights = {name: getattr(self.options, name) for name in mean}
        loss = sum((weights[name] * mean[name] for name in mean), torch.zeros((), device=batch.sam.device))
        return {"loss": loss, **mean, "first": best[:, 0].mean(), "last": best[:, -1].mean()}

    def _rounds(self, features: Features, target: torch.Tensor) -> Iterator[dict[str, torch.Tensor]]:
        """Prompt, decode, and correct one picture's masks; yields the losses of each round."""
        prompts, single = self._first(features, target)
        for number in range(self.options.rounds):
            masks = self.model.segmenter.decode(features, prompts, multimask=single and number == 0)
            logits = self.model.segmenter.upscale(masks.low, features)
            scores, best = self._score(masks, logits, target)
            yield scores
            rows = torch.arange(len(target), device=target.device)
            points, labels = clicks.corrective(logits[rows, best].detach() > 0, target)
            prompts = SegPrompts(
                points=points if prompts.points is None else torch.cat([prompts.points, points], dim=1),
                labels=labels if prompts.labels is None else torch.cat([prompts.labels, labels], dim=1),
                mask=masks.low[rows, best].detach()[:, None],
                boxes=prompts.boxes,
            )

    def _first(self, features: Features, target: torch.Tensor) -> tuple[SegPrompts, bool]:
        """The first prompt of one picture's masks, and whether it is a single click (which is ambiguous)."""
        draw = float(torch.rand(()))
        if draw < self.options.coarse:
            return self._coarse(target), False
        if draw < self.options.coarse + (1 - self.options.coarse) / 2:
            return SegPrompts(boxes=clicks.boxes(target)), False
        points = clicks.random_pixel(target)[:, None]
        return SegPrompts(points=points, labels=torch.ones_like(points[..., 0], dtype=torch.int64)), True

    def _coarse(self, target: torch.Tensor) -> SegPrompts:
        """What the map channels make of a disturbed coverage map; sometimes one of them alone."""
        size = (target.shape[1], target.shape[2])
        frame = self.model.backbone.frame(size)
        coverage = losses.map_target(target, frame)
        disturbed = (coverage + 0.15 * torch.randn_like(coverage)).clamp(0, 1) * frame.valid_mask().to(coverage)
        evidence = Evidence(
            states=coverage.new_zeros(len(target), self.model.backbone.state_size),
            maps=disturbed,
            frame=frame,
            input_frame=self.model.segmenter.frame(size),
            mask_frame=self.model.segmenter.mask_frame(size),
        )
        names = [name for name in MAP_CHANNELS if name in self.model.channels]
        if len(names) > 1 and float(torch.rand(())) < 0.3:
            names = [names[int(torch.randint(len(names), ()))]]
        prompts = SegPrompts()
        for name in names:
            prompts = prompts.merge(self.model.channels[name](evidence))
        return prompts

    def _score(
        self, masks: Masks, logits: torch.Tensor, target: torch.Tensor
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Losses of the best candidate of each mask, and which it is (the least loss, as in SAM)."""
        count, candidates = logits.shape[:2]
        truth = target[:, None].expand_as(logits).flatten(0, 1)
        bce, dice = losses.mask_losses(logits.flatten(0, 1), truth)
        total = (self.options.bce * bce + self.options.dice * dice).view(count, candidates)
        best = total.argmin(dim=1)
        rows = torch.arange(count, device=target.device)
        scores = {
            "bce": bce.view(count, candidates)[rows, best].mean(),
            "dice": dice.view(count, candidates)[rows, best].mean(),
            "iou": losses.iou_loss(masks.iou.flatten(), logits.flatten(0, 1), truth),
            "best": losses.true_iou(logits[rows, best], target).mean().detach(),
        }
        return scores, best
