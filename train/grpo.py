"""trl's GRPO trainer, told how our model answers and that layers are actions, too.

trl does the sampling of prompts, reference, rewards' sums, clipped loss, logging and saving. Replaced are how answers
are written (:meth:`GroupTrainer._generate`: the picture is read once for all answers about it), how likely their tokens
are (packed behind one picture), and the advantages' scale (design, section 4); added are the layers' actions.
"""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, cast

import torch
from datasets import Dataset as Rows
from torch import nn
from trl import GRPOConfig, GRPOTrainer
from trl.models.utils import unwrap_model_for_generation

from model.backbones.base import ChatBatch
from model.policy import group_advantage
from train import rewards
from train.batches import Item, collate, moved
from train.guarded import Guarded
from train.objectives.grpo import Objective, Options, Questions
from train.recipe import Recipe
from train.records import Records
from train.rollouts import Asked, Rollout, Sampling, roll_out
from train.trainer import StageTrainer, arguments
from train.watch import Watch


class GroupTrainer(Guarded, GRPOTrainer):
    """Trains an :class:`~train.objectives.grpo.Objective` on questions.

    Args:
        objective: its parameters' ``requires_grad`` is set.
        recipe: ``batch`` is of questions; each has ``options.generations`` answers.
        options: of the objective.
        data: questions, from where the run goes on.
    """

    def __init__(self, objective: Objective, recipe: Recipe, options: Options, data: Questions) -> None:
        self.recipe, self.options = recipe, options
        self.watch = Watch(recipe.explodes, least=1.0)  # advantages have a deviation of 1, and losses are about 0
        self._judges: dict[str, ModuleType] = {name: rewards.load(name) for name in options.rewards}
        super().__init__(
            model=cast(Any, objective),
            reward_funcs=[_judging(name, judge) for name, judge in self._judges.items()],
            args=_arguments(recipe, options, objective),
            train_dataset=Rows.from_dict({"prompt": [""]}),
            processing_class=objective.model.backbone.tokenizer,
        )
        self.train_dataset = data  # no table of datasets: pictures are drawn when they are needed
        self.beta = options.kl  # told to the constructor it would look for a second model to be the reference
        self.records = Records(Path(recipe.out), self.accelerator.process_index)
        self._asked: list[Asked] = []
        self._written: list[Rollout] = []  # of this process, all that were generated together
        self._now: list[Rollout] = []  # those that the next reading is about
        self._layers: list[torch.Tensor] = []  # of these, (S, L) log-probabilities of each answer's marks
        self._table = torch.zeros(0)
        self._losses: list[tuple[torch.Tensor, list[str]]] = []  # of the step's micro-batches, and what they ask

    create_optimizer = StageTrainer.create_optimizer

    @property
    def resumable(self) -> bool:
        """Not between two steps of one set of answers, which would be drawn anew."""
        return self.state.global_step % self.options.reuse == 0

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the checkpoint has a card of its own."""

    def _send_telemetry(self) -> None:
        """Nothing: training tells nobody."""

    # Answers

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """What trl makes of a batch of questions, with the advantages rescaled and each row's number."""
        self._seed()
        self._asked = [row["asked"] for row in inputs]
        made: dict[str, Any] = super()._generate_and_score_completions(inputs)
        groups = made["advantages"].view(-1, self.num_generations)  # reward - mean; groups are whole on each process
        made["advantages"] = group_advantage(groups.T).T.reshape(-1)
        made["row"] = torch.arange(len(inputs), device=made["advantages"].device)
        acting = [rollout.actions for rollout in self._written if rollout.actions is not None]
        earned = sum(float(actions.rewards.mean(dim=0).sum()) for actions in acting)
        sums = torch.tensor([earned, sum(len(actions.marks) for actions in acting)], dtype=torch.float32)
        total, made["layer_items"] = self.accelerator.reduce(sums.to(self.accelerator.device), reduction="sum")
        if made["layer_items"] > 0:
            self._metrics["train"]["layers/reward"].append(float(total / made["layer_items"]))
        self._record(made["advantages"])
        return made

    def _seed(self) -> None:
        """What is sampled depends on the seed, the step and the process alone: a run that goes on samples what it would
        have sampled."""
        where = f"{self.recipe.seed} {self.accelerator.process_index} answers {self.state.global_step}"
        torch.manual_seed(Random(where).getrandbits(63))

    def _generate(self, prompts: list[str]) -> tuple[Any, ...]:
        """Answers of the policy itself, in the form that trl has them."""
        how = Sampling(self.options.temperature, self.options.longest, self.options.at_once, self.options.think)
        # Answers have as many tokens as they have: at ZeRO stage 3 processes would wait for each other's parts of a
        # layer in vain, so the whole model is brought together first.
        with unwrap_model_for_generation(self.model_wrapped, self.accelerator) as whole, self._precision():
            self._written = roll_out(whole.model, self._asked, how)
        self._now = self._written
        lengths = torch.tensor([len(rollout.ids) for rollout in self._written], device=self.accelerator.device)
        cut = [float(rollout.answered.stop != "end") for rollout in self._written]
        lengths = self.accelerator.gather(lengths).float()
        noted = {
            "completions/mean_length": lengths.mean(),
            "completions/max_length": lengths.max(),
            "completions/clipped_ratio": self.accelerator.gather(torch.tensor(cut, device=lengths.device)).mean(),
        }
        for name, value in noted.items():
            self._metrics["train"][name].append(float(value))
        asked = [rollout.prompt.ids.tolist() for rollout in self._written]
        ids = [rollout.ids.tolist() for rollout in self._written]
        texts = [rollout.answered.text for rollout in self._written]
        return asked, ids, None, texts, None, {"rollout": list(self._written)}, None, []

    def _calculate_rewards(self, *args: Any) -> torch.Tensor:
        """All processes' rewards ``(B, R)``."""
        self._table = super()._calculate_rewards(*args)
        return self._table

    def _record(self, advantages: torch.Tensor) -> None:
        if self.state.global_step % self.recipe.log_steps:
            return
        first = self.accelerator.process_index * len(self._written)
        table = self._table[first : first + len(self._written)].tolist()
        judged = [dict(zip(self._judges, row, strict=True)) for row in table]
        step = self.state.global_step
        self.records.write(step, self._written, judged, advantages.tolist())
        if self.accelerator.is_main_process and self.options.pictures:
            totals = (self._table.nan_to_num() @ self.reward_weights.to(self._table)).tolist()
            most = self.options.pictures * self.options.generations
            self.records.draw(step, self._written[:most], totals[first : first + most])

    # Likelihoods

    def _get_per_token_logps_and_entropies(
        self,
        model: nn.Module,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        """Log-probabilities and entropies ``(B, C)`` of the answers ``self._now``, 0 behind their ends; notes what is
        thought of their layers. The ids that trl has padded are not read: answers about a picture are packed."""
        rows = self._now
        size = batch_size or len(rows)
        entropies = torch.zeros(len(rows), logits_to_keep, device=input_ids.device)
        parts: list[torch.Tensor] = []
        layers: list[torch.Tensor] = []
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            batch, order = packed(part, self.accelerator.unwrap_model(self.model).model.backbone.pad_id)
            with self._precision():
                out = model(moved(batch, input_ids.device))
            lengths = [len(part[place].ids) for place in order]
            tokens, spread = out["log_probs"].split(lengths), out["entropies"].split(lengths)
            padded = {
                place: nn.functional.pad(token, (0, logits_to_keep - len(token)))
                for place, token in zip(order, tokens, strict=True)
            }
            parts += [padded[place] for place in range(len(part))]
            for place, values in zip(order, spread, strict=True):
                entropies[start + place, : len(values)] = values
            if "layers" in out:
                marks = self.accelerator.unwrap_model(self.model).model.backbone.mark_ids
                counts = [sum(token in marks for token in part[place].ids.tolist()) for place in order]
                by_place = dict(zip(order, out["layers"].split(counts), strict=True))
                layers += [by_place[place] for place in range(len(part))]
        self._layers = layers
        return torch.stack(parts), entropies if compute_entropy else None, None

    # Losses

    def _compute_loss(self, model: nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        """trl's loss of the words, and the layers'."""
        self._now = [self._written[row] for row in inputs["row"].tolist()]
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        if self._layers:
            windows = self.current_gradient_accumulation_steps / cast(GRPOConfig, self.args).steps_per_generation
            scale = self.accelerator.num_processes / (inputs["layer_items"].clamp(min=1.0) * windows)
            loss = loss + self.options.layers * self._layer_loss() * scale
        asked = {rollout.asked.number: rollout.asked.id for rollout in self._now}
        self._losses.append((loss.detach().float(), [asked[number] for number in sorted(asked)]))
        if self.accelerator.sync_gradients:  # DeepSpeed steps within the backward pass: this is the moment to look
            self._settle()
        return loss

    def _settle(self) -> None:
        """Bring the losses of the step's micro-batches from the device, and look whether they are right."""
        noted, self._losses = self._losses, []
        losses = torch.stack([loss for loss, _ in noted]).tolist()
        self.look([{"loss": loss} for loss in losses], [[[name] for name in names] for _, names in noted])

    def _layer_loss(self) -> torch.Tensor:
        """The sum over all marks drawn for: each draw is an action with a ratio and a clip of its own; its advantage is
        taken within the K draws of its mark."""
        layer = self.accelerator.unwrap_model(self.model).model.config.layer
        total = torch.stack([known.sum() for known in self._layers]).sum() * 0.0  # no rank without a gradient
        seen = []
        for rollout, known in zip(self._now, self._layers, strict=True):
            actions = rollout.actions
            if actions is None:
                continue
            mine = known[actions.marks.to(known.device)]  # (A, L)
            new = mine.gather(1, actions.layers.T.to(known.device)).T  # (K, A)
            old = new.detach() if self.num_iterations == 1 else actions.log_probabilities.to(new)
            ratio, advantage = (new - old).exp(), group_advantage(actions.rewards).to(new)
            kept = ratio.clamp(1 - self.epsilon_low, 1 + self.epsilon_high)
            spread = -(mine.exp() * mine).sum(dim=1)
            total = total - (torch.minimum(ratio * advantage, kept * advantage).mean(dim=0)).sum()
            total = total - layer.entropy * spread.sum()
            parts = (ratio.mean(dim=0), (ratio != kept).float().mean(dim=0), spread, torch.ones_like(spread))
            seen.append(torch.stack([part.detach().sum() for part in parts]))
        noted = torch.stack(seen).sum(dim=0) if seen else torch.zeros(4, device=total.device)
        ratio, clipped, spread, count = self.accelerator.reduce(noted, reduction="sum").tolist()
        if count:
            for name, value in (("ratio", ratio), ("clipped", clipped), ("entropy", spread)):
                self._metrics["train"][f"layers/{name}"].append(value / count)
        return total

    def _precision(self) -> AbstractContextManager[object]:
        """What the recipe computes in."""
        kind = self.accelerator.device.type
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16")


def packed(rollouts: list[Rollout], pad: int) -> tuple[ChatBatch, list[int]]:
    """All answers about a picture behind one prefix; and the places of the answers in the order they are packed in.

    The same answers are packed in the same order however they come: policy and reference then differ by their weights
    alone, not by the rounding of sums.
    """
    groups: dict[int, list[int]] = {}
    for place in sorted(range(len(rollouts)), key=lambda place: _order(rollouts[place])):
        groups.setdefault(rollouts[place].asked.number, []).append(place)
    items = []
    for places in groups.values():
        asked = rollouts[places[0]].asked
        chats = tuple(rollouts[place].chat for place in places)
        items.append(Item(asked.mllm, asked.sam, asked.size, chats, torch.zeros(0, *asked.size, dtype=torch.bool)))
    return collate(items, pad).chat, [place for places in groups.values() for place in places]


def _order(rollout: Rollout) -> tuple[int, list[int]]:
    return rollout.asked.number, rollout.ids.tolist()


def _judging(name: str, judge: ModuleType) -> Any:
    """A reward as trl calls it."""

    def judged(rollout: list[Rollout], **_: Any) -> list[float | None]:
        return [judge.reward(one.answered) for one in rollout]

    judged.__name__ = name
    return judged


def _arguments(recipe: Recipe, options: Options, objective: Objective) -> GRPOConfig:
    """The recipe in trl's terms: a row of its batch is an answer. Advantages are scaled here, not there."""
    answers = replace(recipe, batch=recipe.batch * options.generations)
    return arguments(
        answers,
        objective,
        GRPOConfig,
        bf16=False,  # autocast is the recipe's
        gradient_checkpointing=False,
        num_generations=options.generations,
        num_iterations=options.reuse,
        temperature=options.temperature,
        max_completion_length=options.longest,
        epsilon=options.ratio,
        beta=0.0,
        scale_rewards="none",
        reward_weights=list(options.rewards.values()),
        shuffle_dataset=False,
        disable_dropout=True,
    )
