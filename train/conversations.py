"""Pictures with conversations about them, as a model takes them: of the drawn world, or of a mixture."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from torch.utils.data import Dataset

from data import masks, mixture
from data.sample import Sample, Turn
from data.world.world import World
from model.coordinates import Box
from model.grounding import GroundingModel
from train.batches import Item, make_item


class Maker:
    """Makes an item of a picture and its conversations, in a data worker: as a model is to read and write them."""

    def __init__(self, model: GroundingModel) -> None:
        self.backbone, self.prepare_sam, self.listener = model.backbone, model.segmenter.prepare, model.listener

    def __call__(self, image: np.ndarray, samples: Sequence[Sample], source: str = "") -> Item:
        """See :func:`train.batches.make_item`."""
        if self.listener is not None:
            samples = [
                replace(sample, turns=tuple(map(self._in_coordinates(sample), sample.turns))) for sample in samples
            ]
        backbone = self.backbone
        item = make_item(image, samples, backbone.encode_chat, backbone.prepare, self.prepare_sam, source=source)
        held = item.chats[0].ids == backbone.image_id
        return replace(item, picture_tokens=backbone.tokens(item.size) - int(held.sum()))

    def _in_coordinates(self, sample: Sample) -> Callable[[Turn], Turn]:
        """What makes a turn one that asks for coordinates and gives them, without marks."""
        listener, frame = self.listener, self.backbone.input_frame(sample.size)
        assert listener is not None

        def written(turn: Turn) -> Turn:
            labels = [target.phrase for target in turn.targets]
            boxes = [None if target.rle is None else _edges(masks.box(target.rle)) for target in turn.targets]
            answer = listener.say(labels, boxes, frame) if turn.targets else turn.answer
            return replace(turn, question=listener.put(turn.question), answer=answer, targets=())

        return written


def _edges(box: list[float]) -> Box | None:
    """Left, top, width and height of pixels -> the edges round them, where an integer is the centre of a pixel; None of
    an empty mask."""
    left, top, width, height = box
    return (left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5) if width and height else None


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
        self.make, self.world = Maker(model), world
        self.most, self.forms, self.loose = most, forms, loose
        self.period = max(1, round(1 / dense)) if dense > 0 else 0

    def __len__(self) -> int:
        return len(self.world)

    def __getitem__(self, index: int) -> Item:
        place = self.world.start + index  # among all scenes: a run that goes on begins its world further on
        dense = self.period > 0 and place % self.period == 0
        forms = (*(("list",) if dense else ()), *self.forms)
        image, samples = self.world.pack(index, self.most, forms, self.loose)
        return self.make(image, samples)


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


def packer(model: GroundingModel) -> Callable[[mixture.Pack], Item]:
    """What makes an item of a picture and its conversations, in a data worker."""
    return functools.partial(_item, Maker(model))


def _item(make: Maker, drawn: mixture.Pack) -> Item:
    targets = (target for sample in drawn.samples for turn in sample.turns for target in turn.targets)
    if make.listener is None and make.backbone.mark_ids[1] < 0 and any(target.absent for target in targets):
        raise ValueError("asks for what is not there, and this model has no <REJ>: skip such samples (faults: skip)")
    return make(drawn.image, drawn.samples, source=drawn.source)
