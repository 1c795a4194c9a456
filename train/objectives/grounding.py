"""The whole path: words by cross entropy, the similarity map, and the masks that the segmenter draws from it.

Design, section 4, "Supervised loss". The same objective serves pretraining (dense: everything in the scene is asked
for) and instruction tuning; the recipes differ.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset

from data import mixture
from data.shuffle import quotas
from data.world.world import World
from model import losses, published
from model.backbones.base import ChatOutput
from model.grounding import GroundingModel
from model.policy import Choice, likeliest
from model.prompting.base import SegPrompts
from model.segmenters.base import Features
from model.tracing import Trace
from train import clicks
from train.batches import GroundingBatch, Item, bucketed, tally
from train.batches import collate as pack
from train.conversations import Conversations, packer, root, stream
from train.features import FeatureCache, digest
from train.partition import partitioned
from train.scores import MAPS, MARKS, MASKS, NAMES, WEIGHED, Scores, by_source, mean, sources, weighted

__all__ = ["Objective", "Options", "bucketed", "check", "collate", "counts", "dataset"]


@dataclass(frozen=True)
class Options:
    """Settings. Of a model that writes coordinates the words alone are learned: what is said here of marks, maps, masks
    and images does nothing then.

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
        policy: weight of the layer policy's loss, where it draws layers.
        reward: what a draw earns: the true "iou" of its mask, or the segmenter's own "estimate" of it.
        mark: weight of a mark's cross entropy relative to a word's.
        features: a folder that keeps what the segmenter's encoder makes of each picture, in bfloat16, so that none is
            encoded twice; several runs may share it.
        features_gb: how large it may grow.
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
    reward: Literal["iou", "estimate"] = "iou"
    mark: float = 2.0
    features: str | None = None
    features_gb: float = 50.0


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
    if options.features is not None and options.features_gb <= 0:
        raise ValueError(f"options: features_gb: {options.features_gb} is no size: give gigabytes above 0")
    if options.data:
        quotas(list(options.data.values()))
        mixture.find(root(options), list(options.data))


def dataset(model: GroundingModel, options: Options, first: int, count: int) -> Dataset[Item]:
    """``count`` images from the ``first`` on: of the drawn world, or of a mixture's stream.

    Raises:
        ValueError: a dataset of the mixture is not there, or its annotations cannot be read.
    """
    if not options.data:
        return Conversations(
            model, World("train", count, first), options.conversations, options.dense, options.forms, options.loose
        )
    return stream(options, first, count, packer(model), options.dense)


def collate(model: GroundingModel, items: Sequence[Item]) -> GroundingBatch:
    """Pack the conversations of each image into one row."""
    return replace(
        pack(items, model.backbone.pad_id),
        tally=tally(items),
        sources=tuple(item.source for item in items),
        ids=tuple(item.ids for item in items),
        pictures=tuple(digest(item.sam, item.size) for item in items),
    )


def counts(model: GroundingModel, options: Options, batch: GroundingBatch) -> dict[str, list[float]]:
    """Of how many targets each loss is the mean, in each picture: words by their weight, marks, maps of what is
    present, and masks that are decoded. None for the published losses, which are means of means."""
    if model.config.published is not None:
        return {}
    targets = batch.chat.labels[:, 1:]
    marks = torch.isin(targets, torch.tensor([index for index in model.backbone.mark_ids if index >= 0]))
    words = (targets != -100) + (options.mark - 1) * marks
    maps = [float(mask.flatten(1).any(dim=1).sum()) for mask in batch.masks]
    masks = [min(count, float(options.masks)) if row < options.images else 0.0 for row, count in enumerate(maps)]
    return {
        "ce": words.sum(dim=1).tolist(),
        **dict.fromkeys(MARKS, marks.sum(dim=1).float().tolist()),
        **dict.fromkeys(MAPS, maps),
        **dict.fromkeys(MASKS, masks),
    }


@dataclass(frozen=True)
class Draws:
    """Marks of one image that layers were drawn for: states ``(S, L, D)``, K choices, and rewards ``(K, S)``."""

    marks: torch.Tensor
    choices: list[Choice]
    rewards: torch.Tensor


class Objective(nn.Module):
    """Named losses on a :class:`~train.batches.GroundingBatch`; ``marked`` is the share of marks chosen rightly and
    ``mask_iou`` the mean IoU of the decoded masks, both teacher-forced. For a mixture each is given by source, too
    ("SOURCE/ce")."""

    def __init__(self, model: GroundingModel, options: Options) -> None:
        super().__init__()
        self.model, self.options = model, options
        if model.listener is not None:
            model.listener.check_taught()
        inside = set(map(id, model.backbone.parameters()))
        self._beside = [p for p in model.parameters() if id(p) not in inside]
        self._cache = None
        if options.features is not None:
            folder, limit = Path(options.features).expanduser(), int(options.features_gb * 1e9)
            self._cache = FeatureCache(folder, limit, model.segmenter.encoder)

    def unreached(self) -> dict[str, str]:
        """What no loss reaches, by name, and why: the segmenter's encoder, which works for all runs alike; what draws,
        if no image goes through it; and all beside the backbone of a model that writes coordinates."""
        named = dict(self.named_parameters())
        if self.model.listener is not None:
            why = "gets no gradient: of a model that writes coordinates the words alone learn, '^model\\.backbone\\.'"
            beside = set(map(id, self._beside))
            return {name: why for name, parameter in named.items() if id(parameter) in beside}
        if not self.options.images and self.model.config.published is None:
            why = (
                "gets no gradient with options.images=0: leave the segmenter out of train, or let images go through it"
            )
            return {name: why for name in named if name.startswith("model.segmenter.")}
        still = set(map(id, self.model.segmenter.encoder.parameters()))
        why = (
            "gets no gradient here, where the segmenter's encoder is not trained: name "
            "'^model\\.segmenter\\.(mask_decoder|prompt_encoder)\\.' instead"
        )
        return {name: why for name, parameter in named.items() if id(parameter) in still}

    def forward(self, batch: GroundingBatch, shares: Mapping[str, float] | None = None) -> dict[str, torch.Tensor]:
        """The losses, each the mean over this batch's targets.

        Args:
            batch: images with their conversations.
            shares: what these means count for in ``loss``, by the name of a loss, where the step has other batches, in
                this process or in others; 1 if None.
        """
        zero = self._nothing()  # first, so that it is the last in the backward pass, in every process
        out = self.model.backbone(batch.chat)
        if self.model.config.published is not None:
            return self._published(batch, out, self.model.config.published, zero)
        if self.model.listener is not None:
            return self._in_coordinates(batch, out, 1.0 if shares is None else shares["ce"], zero)
        words = self._words(out.logits, out.targets)
        encoded = self._encode(batch, min(self.options.images, len(out.traces)))
        features = [*encoded, *[None] * (len(out.traces) - len(encoded))]
        draws: list[Draws] = []
        rows = [self._image(*row, draws) for row in zip(out.traces, features, batch.masks, batch.void, strict=True)]
        means = {name: weighted(*part) for name, part in words.items()}
        means |= {name: mean([lot for row in rows for lot in row], name, zero) for name in NAMES}
        means |= self._policy(draws, out.traces, scaled=shares is not None)
        loss = zero
        for name in (*WEIGHED, "policy"):
            if name in means:
                share = 1.0 if shares is None else shares[name]
                loss = loss + share * getattr(self.options, name) * means[name]
        means["mask_iou"] = means["mask_iou"].detach()
        parts = {"loss": loss, **means, **by_source(batch, words, rows)}
        return parts if any(map(len, out.traces)) else {name: part for name, part in parts.items() if name != "marked"}

    @property
    def _split(self) -> bool:
        return any(map(partitioned, self._beside))

    def _nothing(self) -> torch.Tensor:
        """0, that every parameter beside the language model takes part in, as other processes wait for it."""
        learned = [p for p in self._beside if p.requires_grad and not partitioned(p)]
        none = next(self.model.backbone.parameters()).new_zeros((), dtype=torch.float32)
        return 0.0 * torch.stack([none, *(p.sum().float() for p in learned)]).sum()

    def _encode(self, batch: GroundingBatch, count: int) -> list[Features]:
        """The segmenter's features of the first ``count`` images; from the cache where they are in it."""
        if not count:
            return []
        prepared, sizes, names = batch.sam[:count], batch.chat.sizes[:count], batch.pictures[:count]
        with torch.no_grad():
            if self._cache is None:
                return self.model.segmenter.encode(prepared, sizes)
            return self._cache.encode(self.model.segmenter, prepared, sizes, names)

    def _published(
        self, batch: GroundingBatch, out: ChatOutput, system: str, zero: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The published losses (model/published.py): every mark of every image is drawn, and one reward counts for all
        layers drawn. Of the settings the weights ce, bce, dice and policy count, and features. An image without any
        mark to draw still decodes one, at weight 0, as in :meth:`_image`."""
        encoded = self._encode(batch, len(out.traces))
        kept = [trace.select(~trace.rejected) for trace in out.traces]
        lots = [trace if len(trace) else _stand_in(trace) for trace in kept]
        marks = torch.cat([lot.marks for lot in lots])
        choices = self.model.policy.draw(marks)
        places = torch.arange(len(marks), device=marks.device).split([len(lot) for lot in lots])
        drawn: list[published.Drawn] = []
        for lot, place, features, whole, truth in zip(lots, places, encoded, out.traces, batch.masks, strict=True):
            count = len(kept[len(drawn)])
            grounding = self.model.ground(lot, features.frame.source, choices[0].select(place))
            low = self.model.segmenter.decode(features, grounding.prompts).low
            logits = self.model.segmenter.upscale(low, features)[:, 0]
            if not count:
                zero = zero + 0.0 * (logits.float().sum() + grounding.maps.sum())
            drawn.append(published.Drawn(logits[:count], truth.bool(), ~whole.rejected, grounding.maps[:count]))
        ce = functional.cross_entropy(out.logits.float(), out.targets)
        weights = (self.options.ce, self.options.bce, self.options.dice)
        parts = published.supervised(system, ce, drawn, weights)
        loss = parts.pop("loss")
        if "reward" in parts and self.model.config.layer.draws_layers:
            acting = torch.cat([place[: len(trace)] for place, trace in zip(places, kept, strict=True)])
            rewards = parts["reward"].expand(len(choices), len(acting))
            parts["policy"] = self.model.policy.loss(marks[acting], [c.select(acting) for c in choices], rewards)
            loss = loss + self.options.policy * parts["policy"]
        if any(map(len, out.traces)):
            parts["marked"] = weighted(*self._words(out.logits, out.targets)["marked"])
        return {"loss": loss + zero, **parts, **self._published_by_source(batch, out, system, drawn)}

    @torch.no_grad()
    def _published_by_source(
        self, batch: GroundingBatch, out: ChatOutput, system: str, drawn: Sequence[published.Drawn]
    ) -> dict[str, torch.Tensor]:
        """The parts of the published losses of each source of a mixture, where it has targets, "SOURCE/NAME"."""
        made: dict[str, torch.Tensor] = {}
        weights = (self.options.ce, self.options.bce, self.options.dice)
        for source, own, here in sources(batch):
            ce = weighted(functional.cross_entropy(out.logits.float(), out.targets, reduction="none"), here)
            lot = [image for image, mine in zip(drawn, own, strict=True) if mine]
            parts = published.supervised(system, ce, lot, weights)
            names = [name for name in parts if name.startswith("mask_") and any(len(image.truth) for image in lot)]
            made |= {f"{source}/{name}": parts[name] for name in ("ce_loss", *names)}
        return made

    def _in_coordinates(
        self, batch: GroundingBatch, out: ChatOutput, share: float, zero: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The loss of answers in coordinates: of their words alone, as there are no marks."""
        each = functional.cross_entropy(out.logits.float(), out.targets, reduction="none")
        words = {"ce": (each, torch.ones_like(each))}
        ce = weighted(*words["ce"])
        by_name = by_source(batch, words, [[]] * len(batch.masks))
        return {"loss": zero + share * self.options.ce * ce, "ce": ce, **by_name}

    def _words(self, logits: torch.Tensor, targets: torch.Tensor) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Values and weights, each ``(M,)``: cross entropies, and whether marks are told rightly from the other mark, 1
        or 0."""
        known = [index for index in self.model.backbone.mark_ids if index >= 0]  # <SEG>, and <REJ> if there is one
        marks = torch.tensor(known, device=targets.device)
        is_mark = torch.isin(targets, marks)
        weight = torch.where(is_mark, self.options.mark, 1.0)
        each = functional.cross_entropy(logits.float(), targets, reduction="none")
        pair = logits.detach()[:, marks].argmax(dim=-1)
        right = (marks[pair] == targets).float()
        return {"ce": (each, weight), "marked": (right, is_mark.float())}

    def _image(
        self,
        trace: Trace,
        features: Features | None,
        truth: torch.Tensor,
        void: torch.Tensor | None,
        draws: list[Draws],
    ) -> list[Scores]:
        """Losses of one image's marks: absent targets carry none. Appends what was drawn to ``draws``.

        An image without any mark to draw still decodes one, at weight 0: a process without masks must take part in the
        collectives of the others.
        """
        if not len(trace):
            trace, truth, void = _stand_in(trace), truth.new_zeros(1, *truth.shape[1:]), None
        present = truth.flatten(1).any(dim=1).nonzero()[:, 0]
        count = len(present)
        if not count:
            present = torch.zeros(1, dtype=torch.int64, device=truth.device)
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
        scores = [Scores({"map_bce": map_bce, "map_dice": map_dice}, count)]
        if features is not None:
            chosen = torch.randperm(len(present), device=truth.device)[: self.options.masks]
            lot, wanted = kept.select(chosen), truth[present[chosen]]
            left_out = None if void is None else void[chosen]
            grounding = self.model.ground(lot, features.frame.source, speaks.select(chosen))
            masks = self._masks(grounding.prompts, features, wanted, left_out)
            scores.append(Scores(masks, min(count, len(chosen))))
            if self.model.config.layer.draws_layers:
                tried = [choice.select(chosen) for choice in choices]
                rewards = self._rewards(lot, tried, features, wanted, left_out)
                if count:
                    draws.append(Draws(lot.marks, tried, rewards))
        return scores

    @torch.no_grad()
    def _rewards(
        self,
        trace: Trace,
        choices: list[Choice],
        features: Features,
        truth: torch.Tensor,
        void: torch.Tensor | None,
    ) -> torch.Tensor:
        """``(K, S)``: what the mask that each drawn layer leads to is worth; all are decoded at once."""
        segmenter, size = self.model.segmenter, features.frame.source
        prompts = SegPrompts.stacked([self.model.ground(trace, size, choice).prompts for choice in choices])
        masks, times = segmenter.decode(features, prompts), len(choices)
        if self.options.reward == "estimate":
            return masks.iou[:, 0].clamp(0, 1).view(times, -1)
        logits = segmenter.upscale(masks.low, features)[:, 0]
        logits = _cleared(logits, None if void is None else void.repeat(times, 1, 1))
        return losses.true_iou(logits, truth.repeat(times, 1, 1)).view(times, -1)

    def _policy(self, draws: list[Draws], traces: list[Trace], scaled: bool) -> dict[str, torch.Tensor]:
        """The layer policy's loss over the marks of all images and processes, or if ``scaled`` of all images of this
        process; every process takes part, whatever it has drawn."""
        if not self.model.config.layer.draws_layers:
            return {}
        none = traces[0].marks[:0]
        marks = torch.cat([none, *(d.marks for d in draws)])
        lots = [self.model.policy.draw(none), *(d.choices for d in draws)]
        choices = [Choice.joined(lot) for lot in zip(*lots, strict=True)]
        rewards = torch.cat([none.new_zeros(len(choices), 0), *(d.rewards for d in draws)], dim=1)
        mean = {"scale": 1 / max(1, len(marks))} if scaled else {}
        return {"policy": self.model.policy.loss(marks, choices, rewards, **mean)}

    def _masks(
        self, prompts: SegPrompts, features: Features, truth: torch.Tensor, void: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """Decode, score, and now and then correct by a click and decode again: a mask's losses are then the means of
        both passes. All processes correct at the same time, so that they call the same modules."""
        segmenter = self.model.segmenter
        masks = segmenter.decode(features, prompts)
        logits = _cleared(segmenter.upscale(masks.low, features)[:, 0], void)
        bce, dice = losses.mask_losses(logits, truth)
        scores = {
            "bce": bce,
            "dice": dice,
            "iou": losses.iou_loss(masks.iou[:, 0], logits, truth).expand(len(truth)),
            "mask_iou": losses.true_iou(logits, truth),
        }
        corrected = random.random() < self.options.corrected
        # Where parameters are split, what gets no gradient would keep the last step's: the second pass is then made at
        # weight 0.
        if corrected or (self.options.corrected > 0 and self._split):
            drawn, wanted = logits.detach() > 0, truth
            if float(torch.rand(())) < self.options.mistaken:
                wanted = truth.roll(1, dims=0)
                void = None if void is None else void.roll(1, dims=0)
                drawn = drawn & wanted  # only what is missed: a click on what is too much would not tell what is meant
            points, labels = clicks.corrective(drawn, wanted)
            again = prompts.corrected(points, labels, masks.low.detach())
            logits = _cleared(segmenter.upscale(segmenter.decode(features, again).low, features)[:, 0], void)
            second_bce, second_dice = losses.mask_losses(logits, wanted)
            scores["bce"] = torch.lerp(bce, second_bce, 0.5 * corrected)
            scores["dice"] = torch.lerp(dice, second_dice, 0.5 * corrected)
        return scores


def _cleared(logits: torch.Tensor, void: torch.Tensor | None) -> torch.Tensor:
    """``(S, H, W)`` logits, sure of the background (as the truth is) where ``void`` (S, H, W) counts neither way."""
    return logits if void is None else logits.masked_fill(void, -30.0)


def _stand_in(trace: Trace) -> Trace:
    """A trace with one mark where there is none: a state of the picture."""
    nothing = trace.rejected.new_zeros(1)
    return replace(trace, marks=trace.image[:, :1].transpose(0, 1), rejected=nothing)
