"""Pictures with conversations about them, as a model takes them: of the drawn world, or of a mixture."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
import torch
from torch.utils.data import Dataset

from data import mixture
from data.world.world import World
from model.backbones.base import Backbone
from model.grounding import GroundingModel
from train.batches import Item, make_item


class Conversations(Dataset[Item]):
    """Scenes of the world with several independent conversations each.

    Args:
        model: prepares pictures and words.
        world: the scenes.
        most: conversations of a scene.
        dense: share of the scenes with one that names everything.
        forms: kinds of question that every scene has one of.
        loose: share of the conversations in words that no table has.
    """

    def __init__(
        self, model: GroundingModel, world: World, most: int, dense: float, forms: tuple[str, ...], loose: float
    ) -> None:
        self.backbone, self.prepare_sam, self.world = model.backbone, model.segmenter.prepare, world
        self.most, self.forms, self.loose = most, forms, loose
        self.period = max(1, round(1 / dense)) if dense > 0 else 0

    def __len__(self) -> int:
        return len(self.world)

    def __getitem__(self, index: int) -> Item:
        place = self.world.start + index  # among all scenes: a run that goes on begins its world further on
        dense = self.period > 0 and place % self.period == 0
        forms = (*(("list",) if dense else ()), *self.forms)
        image, samples = self.world.pack(index, self.most, forms, self.loose)
        return make_item(image, samples, self.backbone.encode_chat, self.backbone.prepare, self.prepare_sam)


T = TypeVar("T")


class Mixed(Protocol):
    """Settings that every objective on a mixture has; :class:`train.objectives.grounding.Options` explains them."""

    @property
    def data(self) -> Mapping[str, float]: ...
    @property
    def root(self) -> str | None: ...
    @property
    def order(self) -> int: ...
    @property
    def together(self) -> float: ...
    @property
    def faults(self) -> Literal["raise", "skip"]: ...
    @property
    def conversations(self) -> int: ...
    @property
    def forms(self) -> tuple[str, ...]: ...
    @property
    def loose(self) -> float: ...


def root(options: Mixed) -> Path | None:
    """The folder of the dataset trees."""
    return Path(options.root).expanduser() if options.root else None


def stream(
    options: Mixed,
    first: int,
    count: int,
    make: Callable[[mixture.Pack], T],
    dense: float = 0.0,
    told: Callable[[mixture.Member], mixture.Member] = lambda member: member,
) -> mixture.Mixture[T]:
    """``count`` pictures of a mixture's stream from the ``first`` on; without ``data``, of the drawn world.

    Args:
        options: which datasets, and how they are mixed.
        first, count: which pictures.
        make: what becomes of each, in a data worker.
        dense: share of the drawn scenes with a conversation that names everything.
        told: changes what the sources tell.

    Raises:
        ValueError: a dataset is not there, or its annotations cannot be read.
    """
    weights = options.data or {mixture.WORLD: 1.0}
    drawn = mixture.Drawn(forms=options.forms, loose=options.loose, dense=dense)
    members = [told(one) for one in mixture.members(root(options), list(weights), drawn, options.together)]
    return mixture.Mixture(
        members, list(weights.values()), options.conversations, options.order, first, count, make, options.faults
    )


def maker(model: GroundingModel) -> Callable[[mixture.Pack], Item]:
    """What makes an item of a picture and its conversations, in a data worker."""
    return functools.partial(_item, model.backbone, model.segmenter.prepare)


def _item(backbone: Backbone, prepare_sam: Callable[[np.ndarray], torch.Tensor], drawn: mixture.Pack) -> Item:
    targets = (target for sample in drawn.samples for turn in sample.turns for target in turn.targets)
    if backbone.mark_ids[1] < 0 and any(target.absent for target in targets):
        raise ValueError("asks for what is not there, and this model has no <REJ>: skip such samples (faults: skip)")
    given = (backbone.encode_chat, backbone.prepare, prepare_sam)
    return make_item(drawn.image, drawn.samples, *given, source=drawn.source)
