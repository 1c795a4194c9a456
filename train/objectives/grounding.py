"""The whole path: words by cross entropy, the similarity map, and the masks that the segmenter draws from it.

Design, section 4, "Supervised loss". The same objective serves pretraining (dense: everything in the scene is asked
for) and instruction tuning; the recipes differ.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset

from data import mixture
from data.shuffle import quotas
from data.world.world import World
from model import losses, published
from model.backbones.base import Backbone, ChatOutput
from model.grounding import GroundingModel
from model.policy import Choice, likeliest
from model.prompting.base import SegPrompts
from model.segmenters.base import Features
from model.tracing import Trace
from train import clicks
from train.batches import GroundingBatch, Item, make_item, tally
from train.batches import collate as pack


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        data: datasets to train on -> how often each comes up, relative to one another ("world" is the drawn world,
            "refcoco" its training split, "ReasonSeg/val" another split); empty for the world alone.
        root: the folder of the dataset trees.
        order: seed of the mixture's order, choices and wordings.
        together: share of the images of a dataset with a question that asks for several phrases at once.
        faults: what to do about a sample that cannot be read: "raise", or "skip" it.
        conversations: packed behind each image, at most.
        dense: share of the images with one conversation that names everything.
        forms: kinds of question that every image has a conversation of, beside those drawn from the mix.
        loose: share of the conversations put in words that no table has, so that a model hears what is asked for in any
            wording.
        images: images of a batch that go through the segmenter, the first ones; 0 leaves the segmenter out (the map is
            supervised in every image, at every mark; on two cores the segmenter costs more than the language model).
        masks: marks of such an image whose mask is decoded, chosen at random.
        corrected: share of the images whose decoded masks get one corrective click and a second pass, so that the
            decoder keeps what the segmenter learned about clicks.
        mistaken: share of these where the click asks for another mark's thing: the words may have meant the wrong one,
            and a click must overrule them.
        ce, bce, dice, iou, map_bce, map_dice: weights of the losses.
        policy: weight of the layer policy's loss, where it draws layers; a draw's reward is the IoU of its mask.
        mark: weight of a mark's cross entropy relative to a word's.
    """

    data: dict[str, float] = field(default_factory=dict)
    root: str | None = None
    order: int = 0
    together: float = 0.25
    faults: Literal["raise", "skip"] = "raise"
    conversations: int = 8
    dense: float = 0.5
    forms: tuple[str, ...] = ()
    loose: float = 0.0
    images: int = 4
    masks: int = 3
    corrected: float = 0.4
    mistaken: float = 0.5
    ce: float = 1.0
    bce: float = 2.0
    dice: float = 0.5
    iou: float = 0.1
    map_bce: float = 2.0
    map_dice: float = 0.5
    policy: float = 0.4
    mark: float = 2.0


class Conversations(Dataset[Item]):
    """Scenes of the world with several independent conversations each."""

    def __init__(self, model: GroundingModel, options: Options, first: int, count: int, split: str = "train") -> None:
        self.world = World(split, count, start=first)
        self.backbone, self.prepare_sam, self.options = model.backbone, model.segmenter.prepare, options

    def __len__(self) -> int:
        return len(self.world)

    def __getitem__(self, index: int) -> Item:
        period = max(1, round(1 / self.options.dense)) if self.options.dense > 0 else 0
        dense = period > 0 and index % period == 0
        forms = (*(("list",) if dense else ()), *self.options.forms)
        image, samples = self.world.pack(index, self.options.conversations, forms, self.options.loose)
        return make_item(image, samples, self.backbone.encode_chat, self.backbone.prepare, self.prepare_sam)


def check(options: Options) -> None:
    """Check the settings, and find the datasets of a mixture; their annotations are opened later.

    Raises:
        ValueError: a setting is out of its range, or a dataset is not there or has no weight above 0.
    """
    for name in ("dense", "loose", "together", "corrected", "mistaken"):
        if not 0 <= getattr(options, name) <= 1:
            raise ValueError(f"options: {name}: {getattr(options, name)} is no share, a number from 0 to 1")
    if options.conversations < 1 or options.masks < 1 or options.images < 0:
        raise ValueError("options: conversations and masks are at least 1, images at least 0")
    if options.data:
        quotas(list(options.data.values()))
        mixture.find(_root(options), list(options.data))


def dataset(model: GroundingModel, options: Options, first: int, count: int) -> Dataset[Item]:
    """``count`` images from the ``first`` on: of the drawn world, or of a mixture's stream.

    Raises:
        ValueError: a dataset of the mixture is not there, or its annotations cannot be read.
    """
    if not options.data:
        return Conversations(model, options, first, count)
    world = mixture.Drawn(forms=options.forms, loose=options.loose, dense=options.dense)
    return mixture.Mixture(
        mixture.members(_root(options), list(options.data), world, options.together),
        list(options.data.values()),
        options.conversations,
        options.order,
        first,
        count,
        functools.partial(_item, model.backbone, model.segmenter.prepare),
        options.faults,
    )


def _item(backbone: Backbone, prepare_sam: Callable[[np.ndarray], torch.Tensor], drawn: mixture.Pack) -> Item:
    targets = (target for sample in drawn.samples for turn in sample.turns for target in turn.targets)
    if backbone.mark_ids[1] < 0 and any(target.absent for target in targets):
        raise ValueError("asks for what is not there, and this model has no <REJ>: skip such samples (faults: skip)")
    given = (backbone.encode_chat, backbone.prepare, prepare_sam)
    return make_item(drawn.image, drawn.samples, *given, source=drawn.source)


def _root(options: Options) -> Path | None:
    return Path(options.root).expanduser() if options.root else None


def collate(model: GroundingModel, items: Sequence[Item]) -> GroundingBatch:
    """Pack the conversations of each image into one row."""
    return replace(pack(items, model.backbone.pad_id), tally=tally(items))


@dataclass(frozen=True)
class Draws:
    """Marks of one image that layers were drawn for: states ``(S, L, D)``, K choices, and rewards ``(K, S)``."""

    marks: torch.Tensor
    choices: list[Choice]
    rewards: torch.Tensor


class Objective(nn.Module):
    """Named losses on a :class:`~train.batches.GroundingBatch`; ``marked`` is the share of marks chosen rightly and
    ``mask_iou`` the mean IoU of the decoded masks, both teacher-forced."""

    def __init__(self, model: GroundingModel, options: Options) -> None:
        super().__init__()
        self.model, self.options = model, options

    def forward(self, batch: GroundingBatch) -> dict[str, torch.Tensor]:
        out = self.model.backbone(batch.chat)
        if self.model.config.published is not None:
            return self._published(batch, out, self.model.config.published)
        ce, right = self._words(out.logits, out.targets)
        count = min(self.options.images, len(out.traces))
        encoded: list[Features] = []
        if count:
            with torch.no_grad():
                encoded = self.model.segmenter.encode(batch.sam[:count], batch.chat.sizes[:count])
        features = [*encoded, *[None] * (len(out.traces) - count)]
        draws: list[Draws] = []
        rows = [self._image(*row, draws) for row in zip(out.traces, features, batch.masks, batch.void, strict=True)]
        scores = {
            name: _mean([r[name] for r in rows if name in r], ce)
            for name in ("map_bce", "map_dice", "bce", "dice", "iou")
        }
        scores |= self._policy(draws, out.traces)
        loss = self.options.ce * ce
        for name, score in scores.items():
            loss = loss + getattr(self.options, name) * score
        mask_iou = _mean([r["mask_iou"] for r in rows if "mask_iou" in r], ce).detach()
        return {"loss": loss + self._nothing(right), "ce": ce, **scores, **_share(right), "mask_iou": mask_iou}

    def _nothing(self, right: torch.Tensor) -> torch.Tensor | float:
        """0; for a batch of words alone one that every parameter takes part in, as other processes wait for it."""
        if len(right):
            return 0.0
        return 0.0 * torch.stack([p.sum() for p in self.parameters() if p.requires_grad]).sum()

    def _published(self, batch: GroundingBatch, out: ChatOutput, system: str) -> dict[str, torch.Tensor]:
        """The published losses (model/published.py): every mark of every image is drawn, and one reward counts for all
        layers drawn. Of the settings the weights ce, bce, dice and policy count."""
        with torch.no_grad():
            encoded = self.model.segmenter.encode(batch.sam, batch.chat.sizes)
        kept = [trace.select(~trace.rejected) for trace in out.traces]
        marks = torch.cat([trace.marks for trace in kept])
        choices = self.model.policy.draw(marks)
        places = torch.arange(len(marks), device=marks.device).split([len(trace) for trace in kept])
        drawn = []
        for trace, place, features, whole, truth in zip(kept, places, encoded, out.traces, batch.masks, strict=True):
            grounding = self.model.ground(trace, features.frame.source, choices[0].select(place))
            low = self.model.segmenter.decode(features, grounding.prompts).low
            logits = self.model.segmenter.upscale(low, features)[:, 0]
            drawn.append(published.Drawn(logits, truth.bool(), ~whole.rejected, grounding.maps))
        ce = functional.cross_entropy(out.logits.float(), out.targets)
        weights = (self.options.ce, self.options.bce, self.options.dice)
        parts = published.supervised(system, ce, drawn, weights)
        loss = parts.pop("loss")
        if "reward" in parts and self.model.config.layer.draws_layers:
            rewards = parts["reward"].expand(len(choices), len(marks))
            parts["policy"] = self.model.policy.loss(marks, choices, rewards)
            loss = loss + self.options.policy * parts["policy"]
        _, right = self._words(out.logits, out.targets)
        return {"loss": loss + self._nothing(right), **parts, **_share(right)}

    def _words(self, logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weighted cross entropy, and ``(M,)`` which marks are told rightly from the other mark, 1 or 0."""
        known = [index for index in self.model.backbone.mark_ids if index >= 0]  # <SEG>, and <REJ> if there is one
        marks = torch.tensor(known, device=targets.device)
        is_mark = torch.isin(targets, marks)
        weight = torch.where(is_mark, self.options.mark, 1.0)
        each = functional.cross_entropy(logits.float(), targets, reduction="none")
        ce = (weight * each).sum() / weight.sum()
        pair = logits[is_mark][:, marks].argmax(dim=-1)
        return ce, (marks[pair] == targets[is_mark]).float()

    def _image(
        self,
        trace: Trace,
        features: Features | None,
        truth: torch.Tensor,
        void: torch.Tensor | None,
        draws: list[Draws],
    ) -> dict[str, torch.Tensor]:
        """Losses of one image's marks, each ``(n,)``: absent targets carry none. Appends what was drawn to ``draws``.

        An image without any mark to draw still decodes one, at weight 0: a process without masks must take part in the
        collectives of the others.
        """
        present = truth.flatten(1).any(dim=1).nonzero()[:, 0]
        weight = len(present)
        if not weight:
            present = torch.zeros(min(1, len(trace)), dtype=torch.int64, device=truth.device)
        kept = trace.select(present)
        choices = self.model.policy.draw(kept.marks)
        speaks = likeliest(choices)
        _, maps = self.model.maps(kept, speaks)
        if void is not None:
            void = void[present]
            unknown = trace.frame.map_to(void.float()) > 0.5
            maps = maps.masked_fill(unknown, 0.0)
        goal = losses.map_target(truth[present], trace.frame)
        if void is not None:
            goal = goal.masked_fill(unknown, 0.0)
        valid = trace.frame.valid_mask().to(truth.device)
        map_bce, map_dice = losses.map_losses(maps, goal, valid, self.model.config.map_scale)
        scores = {"map_bce": map_bce, "map_dice": map_dice}
        if features is not None:
            chosen = torch.randperm(len(present), device=truth.device)[: self.options.masks]
            lot, wanted = kept.select(chosen), truth[present[chosen]]
            left_out = None if void is None else void[chosen]
            grounding = self.model.ground(lot, features.frame.source, speaks.select(chosen))
            scores |= self._masks(grounding.prompts, features, wanted, left_out)
            if self.model.config.layer.draws_layers and weight:
                tried = [choice.select(chosen) for choice in choices]
                draws.append(Draws(lot.marks, tried, self._rewards(lot, tried, features, wanted, left_out)))
        return scores if weight else {name: value * 0 for name, value in scores.items()}

    @torch.no_grad()
    def _rewards(
        self,
        trace: Trace,
        choices: list[Choice],
        features: Features,
        truth: torch.Tensor,
        void: torch.Tensor | None,
    ) -> torch.Tensor:
        """``(K, S)``: the IoU of the mask that each drawn layer leads to; all are decoded at once."""
        segmenter, size = self.model.segmenter, features.frame.source
        prompts = SegPrompts.stacked([self.model.ground(trace, size, choice).prompts for choice in choices])
        logits = segmenter.upscale(segmenter.decode(features, prompts).low, features)[:, 0]
        times = len(choices)
        logits = _cleared(logits, None if void is None else void.repeat(times, 1, 1))
        return losses.true_iou(logits, truth.repeat(times, 1, 1)).view(times, -1)

    def _policy(self, draws: list[Draws], traces: list[Trace]) -> dict[str, torch.Tensor]:
        """The layer policy's loss over the marks of all images and processes; every process takes part, whatever it has
        drawn."""
        if not self.model.config.layer.draws_layers:
            return {}
        none = traces[0].marks[:0]
        marks = torch.cat([none, *(d.marks for d in draws)])
        lots = [self.model.policy.draw(none), *(d.choices for d in draws)]
        choices = [Choice.joined(lot) for lot in zip(*lots, strict=True)]
        rewards = torch.cat([none.new_zeros(len(choices), 0), *(d.rewards for d in draws)], dim=1)
        return {"policy": self.model.policy.loss(marks, choices, rewards)}

    def _masks(
        self, prompts: SegPrompts, features: Features, truth: torch.Tensor, void: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """Decode, score, and now and then correct by a click and decode again."""
        segmenter = self.model.segmenter
        masks = segmenter.decode(features, prompts)
        logits = _cleared(segmenter.upscale(masks.low, features)[:, 0], void)
        bce, dice = losses.mask_losses(logits, truth)
        scores = {
            "bce": bce,
            "dice": dice,
            "iou": losses.iou_loss(masks.iou[:, 0], logits, truth)[None],
            "mask_iou": losses.true_iou(logits, truth),
        }
        if float(torch.rand(())) < self.options.corrected:
            drawn, wanted = logits.detach() > 0, truth
            if float(torch.rand(())) < self.options.mistaken:
                wanted = truth.roll(1, dims=0)
                void = None if void is None else void.roll(1, dims=0)
                drawn = drawn & wanted  # only what is missed: a click on what is too much would not tell what is meant
            points, labels = clicks.corrective(drawn, wanted)
            again = prompts.corrected(points, labels, masks.low.detach())
            logits = _cleared(segmenter.upscale(segmenter.decode(features, again).low, features)[:, 0], void)
            second_bce, second_dice = losses.mask_losses(logits, wanted)
            scores["bce"] = torch.cat([bce, second_bce])
            scores["dice"] = torch.cat([dice, second_dice])
        return scores


def _cleared(logits: torch.Tensor, void: torch.Tensor | None) -> torch.Tensor:
    """``(S, H, W)`` logits, sure of the background (as the truth is) where ``void`` (S, H, W) counts neither way."""
    return logits if void is None else logits.masked_fill(void, -30.0)


def _share(right: torch.Tensor) -> dict[str, torch.Tensor]:
    """``marked``, the share of marks told rightly; nothing where there are no marks."""
    return {"marked": right.mean().detach()} if len(right) else {}


def _mean(values: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Mean over the joined values; 0 where there are none."""
    joined = torch.cat([v.reshape(-1) for v in values]) if values else like.new_zeros(0)
    return joined.mean() if len(joined) else like.new_zeros(())
