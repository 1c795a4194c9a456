"""The grounding objective with a thought before each answer, for models that think first (:mod:`train.thinking`)."""

from dataclasses import replace
from random import Random

from torch.utils.data import Dataset

from data import mixture
from model.grounding import GroundingModel
from train import thinking
from train.batches import Item
from train.conversations import packer, stream
from train.objectives import grounding
from train.objectives.grounding import Options, bucketed, check, collate, counts

__all__ = ["Objective", "Options", "bucketed", "check", "collate", "counts", "dataset"]


class Aloud:
    """A source of a mixture whose answers have thoughts."""

    def __init__(self, member: mixture.Member) -> None:
        self.member, self.name = member, member.name

    def __len__(self) -> int:
        return len(self.member)

    def pack(self, index: int, rng: Random, most: int) -> mixture.Pack:
        """A picture and some conversations about it."""
        drawn = self.member.pack(index, rng, most)
        return replace(drawn, samples=thinking.aloud(drawn.samples))


def dataset(model: GroundingModel, options: Options, first: int, count: int) -> Dataset[Item]:
    """As :func:`train.objectives.grounding.dataset`; without ``data``, of the drawn world."""
    return stream(options, first, count, packer(model), options.dense, Aloud)


class Objective(grounding.Objective):
    """The same losses; the model's chat template opens a thought from now on."""

    def __init__(self, model: GroundingModel, options: Options) -> None:
        if model.listener is not None:
            raise ValueError(
                "a model that writes coordinates is not taught to think here: take objective: grounding without "
                "thoughts, or grpo"
            )
        thinking.begin(model.backbone.tokenizer)
        super().__init__(model, options)
