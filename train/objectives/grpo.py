"""Reinforcement: answers are sampled, drawn by the model's own masks, rewarded, and compared within their group.

GRPO (Shao et al. 2024; design, section 4, "GRPO stage") with two kinds of actions: the tokens of an answer, and the
layers drawn for its marks. :mod:`train.grpo` trains it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import GenerationConfig, PreTrainedConfig

from data import mixture
from data.sample import Sample
from data.shuffle import quotas
from model import policy
from model.backbones.base import Backbone, ChatBatch
from model.grounding import GroundingModel
from train import lora, rewards, thinking
from train.batches import GroundingBatch, Item, collate
from train.conversations import root, stream
from train.recipe import Recipe
from train.rollouts import Asked, answered

if TYPE_CHECKING:
    from train.grpo import GroupTrainer


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        rewards: files of :mod:`train.rewards` -> weight.
        generations: G, answers to each question.
        temperature: that they are sampled at.
        longest: tokens of an answer, at most.
        at_once: answers written in one batch.
        kl: weight of the divergence from the model as it was without its adapters.
        ratio: how far from 1 the ratio of new to old probability may move an action (clip), of tokens and layers alike.
        reuse: optimizer steps that each set of answers serves; the ratio leaves 1 from the second on.
        layer: a layer policy to begin with, unlearned; the model's own if None. "group" draws layers; with "last",
            "fixed" or "soft" words alone are actions.
        layers: weight of the layers' loss beside the words'.
        think: answers begin with thinking; from then on the model's chat template opens them so.
        data: datasets -> how often each comes up ("world": the drawn world), as the grounding objective has them.
        root, order, together, faults: likewise.
        conversations: about a picture; one of them is drawn: of those that ask for targets, if there are such and words
            alone earn nothing (rewards: words).
        forms, loose: of the drawn world, likewise.
        pictures: questions whose best and worst answers are drawn into the run's folder at each line of the log.
    """

    rewards: dict[str, float] = field(default_factory=lambda: {"format": 0.2, "mask": 1.0, "rejection": 0.5})
    generations: int = 8
    temperature: float = 1.0
    longest: int = 96
    at_once: int = 64
    kl: float = 5e-3
    ratio: float = 0.2
    reuse: int = 1
    layer: policy.Options | None = None
    layers: float = 1.0
    think: bool = False
    data: dict[str, float] = field(default_factory=lambda: {mixture.WORLD: 1.0})
    root: str | None = None
    order: int = 0
    together: float = 0.25
    faults: Literal["raise", "skip"] = "raise"
    conversations: int = 4
    forms: tuple[str, ...] = ()
    loose: float = 0.0
    pictures: int = 3


def check(options: Options) -> None:
    """Check the settings, and find the rewards and the datasets.

    Raises:
        ValueError: a setting is out of its range, or a reward or a dataset is not there.
    """
    for name in options.rewards:
        rewards.load(name)
    if not any(weight > 0 for weight in options.rewards.values()):
        raise ValueError(f"options: rewards: none has a weight above 0; there are {', '.join(rewards.available())}")
    if "thinking" in options.rewards and not options.think:
        raise ValueError("options: rewards: 'thinking' rewards thoughts, and there are none without think: true")
    if options.generations < 2:
        raise ValueError(f"options: generations: a group compares at least 2 answers, not {options.generations}")
    for name in ("longest", "at_once", "reuse", "conversations"):
        if getattr(options, name) < 1:
            raise ValueError(f"options: {name}: {getattr(options, name)} is less than 1")
    if options.temperature <= 0 or not 0 < options.ratio < 1 or options.kl < 0:
        raise ValueError("options: temperature is above 0, ratio between 0 and 1, kl not below 0")
    for name in ("loose", "together"):
        if not 0 <= getattr(options, name) <= 1:
            raise ValueError(f"options: {name}: {getattr(options, name)} is no share, a number from 0 to 1")
    if not options.data:
        raise ValueError(f"options: data: name at least one dataset, for example {mixture.WORLD}: 1")
    quotas(list(options.data.values()))
    mixture.find(root(options), list(options.data))


class Questions(Dataset[dict[str, Any]]):
    """One question a picture, as rows that trl's trainer takes. A picture is read once however often it is repeated."""

    def __init__(self, drawn: Dataset[Asked], first: int) -> None:
        self.drawn, self.first = drawn, first

    def __len__(self) -> int:
        return len(self.drawn)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        asked = replace(self.drawn[index], number=self.first + index)
        return {"prompt": asked.turn.question, "asked": asked}

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Rows of one batch; each has a mapping of its own, for the trainer adds to it."""
        made = {index: self[index] for index in set(indices)}
        return [dict(made[index]) for index in indices]


def dataset(model: GroundingModel, options: Options, first: int, count: int) -> Questions:
    """``count`` pictures of the stream from the ``first`` on, each with a question.

    Raises:
        ValueError: a dataset of the mixture is not there, or its annotations cannot be read.
    """
    words = options.rewards.get("words", 0) > 0
    make = partial(_asked, model.backbone, model.segmenter.prepare, options.think, words)
    return Questions(stream(options, first, count, make), first)


def largest(model: GroundingModel, options: Options, first: int, count: int) -> GroundingBatch:
    """What a step on ``count`` pictures reads if every answer is as long as it may be."""
    data, end, items = dataset(model, options, first, count), model.backbone.eos_id, []
    for index in range(count):
        asked: Asked = data[index]["asked"]
        chat = answered(model.backbone.encode_chat(model.put(asked.turns)), torch.full((options.longest,), end))
        chats = (chat,) * options.generations
        items.append(Item(asked.mllm, asked.sam, asked.size, chats, torch.zeros(0, *asked.size, dtype=torch.bool)))
    return collate(items, model.backbone.pad_id)


def _asked(backbone: Backbone, prepare_sam: Any, think: bool, words: bool, drawn: mixture.Pack) -> Asked:
    """One of the conversations about a picture, its last turn open, where ``words`` do not count its last one with
    targets; one without any if need be. Earlier answers have thoughts where the model thinks."""
    samples = [sample for sample in drawn.samples if words or _last(sample) is not None] or list(drawn.samples)
    sample = Random(f"{drawn.samples[0].id} {len(samples)}").choice(samples)
    turn = len(sample.turns) - 1 if words else _last(sample) or 0
    said = thinking.thoughtful if think else attrgetter("answer")
    history = tuple((earlier.question, said(earlier)) for earlier in sample.turns[:turn])
    prepared = backbone.prepare(drawn.image), prepare_sam(drawn.image)
    return Asked(0, drawn.image, *prepared, history, sample.turns[turn], sample.void, drawn.source, sample.id)


def _last(sample: Sample) -> int | None:
    """The last turn that asks for something."""
    return max((number for number, turn in enumerate(sample.turns) if turn.targets), default=None)


class Objective(nn.Module):
    """What acts: a :class:`GroundingModel` that tells how likely each of its actions was.

    trl's trainer takes it for a language model with a fresh adapter: it has what that trainer reads of one.
    """

    is_gradient_checkpointing = False

    def __init__(self, model: GroundingModel, options: Options) -> None:
        super().__init__()
        if options.layer is not None:
            model.begin_policy(options.layer)
        if model.config.layer.policy == "sampled":
            raise ValueError(
                "the layer policy 'sampled' has no group to compare a draw with: begin one (options: layer)"
            )
        if options.think:
            thinking.begin(model.backbone.tokenizer)
        self.model, self.options = model, options
        self.config, self.generation_config = PreTrainedConfig(), GenerationConfig()
        self.peft_config: dict[str, Any] = {}  # no adapter named "ref": the reference is the model without any

    def forward(self, batch: ChatBatch) -> dict[str, torch.Tensor]:
        """Read packed answers, teacher-forced.

        Returns:
            ``log_probs`` and ``entropies`` (M,) float32 of the M learned tokens, row by row, at the temperature that
            they are sampled at; ``layers`` (S, L) float32, the log-probability of each candidate layer for each of the
            S marks among them, where layers are drawn.
        """
        out = self.model.backbone(batch)
        known = (out.logits.float() / self.options.temperature).log_softmax(dim=-1)
        made = {
            "log_probs": known.gather(1, out.targets[:, None])[:, 0],
            "entropies": -(known.detach().exp() * known.detach()).sum(dim=-1),
        }
        if self.model.config.layer.policy == "group":
            marks = torch.cat([trace.marks for trace in out.traces])
            with torch.autocast(marks.device.type, enabled=False):
                made["layers"] = self.model.policy.log_probabilities(marks)
        return made

    def unreached(self) -> dict[str, str]:
        """What rewards do not reach, by name, and why."""
        why = "gets no gradient from rewards: only the language model and the policy do"
        names = (name for name, _ in self.named_parameters())
        return {name: why for name in names if not name.startswith(("model.backbone.", "model.policy."))}

    @contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """The reference, for as long as this lasts."""
        with lora.disabled(self.model.backbone):
            yield

    def add_model_tags(self, tags: Any) -> None:
        """Nothing: tags are for a hub's model card."""


def check_learned(objective: Objective, recipe: Recipe, options: Options) -> None:
    """See that a recipe fits an objective in which it is marked what learns; its weights may be shapes alone.

    Raises:
        ValueError: the recipe lets learn what the reference would move with, or stops between two steps of one set of
            answers.
    """
    learned = [name for name, parameter in objective.named_parameters() if parameter.requires_grad]
    plain = [name for name in learned if name.startswith("model.backbone.") and "lora_" not in name]
    if options.kl > 0 and plain:
        raise ValueError(
            f"train: {plain[0]} would move the reference along, which is the model without its adapters: train 'lora_' "
            "in the backbone, or set options.kl=0"
        )
    if any(number % options.reuse for number in (recipe.steps, recipe.save_steps, recipe.validate_steps)):
        raise ValueError(f"steps, save_steps and validate_steps must be multiples of options.reuse, {options.reuse}")


def trainer(objective: Objective, recipe: Recipe, options: Options, step: int, processes: int) -> "GroupTrainer":
    """The trainer of a run that stands at ``step``, with its data.

    Raises:
        ValueError: as of :func:`check_learned`.
    """
    from train.grpo import GroupTrainer  # trl takes seconds to import

    check_learned(objective, recipe, options)
    pictures = recipe.batch * recipe.accumulate * processes
    begun, still = step // options.reuse, max(1, (recipe.steps - step) // options.reuse)
    data = dataset(objective.model, options, recipe.first + begun * pictures, still * pictures)
    return GroupTrainer(objective, recipe, options, data)
