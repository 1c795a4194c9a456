"""The transformers Trainer, told what a batch of ours is, what to log, and how to go on where a run stopped."""

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import TrainingArguments

from data.tally import Tally
from train.guarded import Guarded
from train.parameters import groups
from train.recipe import Recipe, deepspeed_settings
from train.watch import Watch

log = logging.getLogger(__name__)


A = TypeVar("A", bound=TrainingArguments)


def arguments(
    recipe: Recipe,
    objective: nn.Module,
    kind: type[A] = TrainingArguments,  # type: ignore[assignment]
    **more: Any,
) -> A:
    """The recipe in the Trainer's own terms, or in those of a ``kind`` of Trainer that knows ``more``; in the
    ``objective`` it is marked what learns."""
    return kind(
        output_dir=str(Path(recipe.out) / "checkpoints"),
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        max_steps=recipe.steps,
        lr_scheduler_type="warmup_stable_decay" if recipe.decay else "constant_with_warmup",
        lr_scheduler_kwargs=(
            {"num_decay_steps": recipe.decay, "decay_type": recipe.decay_shape} if recipe.decay else None
        ),
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        optim="adamw_torch_fused",
        logging_steps=recipe.log_steps,
        logging_nan_inf_filter=False,  # a run that comes apart stops, and looking would wait for the device
        save_steps=recipe.save_steps,
        save_total_limit=None,  # train.saving keeps what is to be kept
        seed=recipe.seed,
        report_to=list(recipe.report),
        run_name=Path(recipe.out).name,
        deepspeed=deepspeed_settings(recipe, sum(p.numel() for p in objective.parameters() if p.requires_grad)),
        use_cpu=not torch.cuda.is_available(),
        dataloader_num_workers=recipe.workers,
        dataloader_persistent_workers=recipe.workers > 0,
        dataloader_prefetch_factor=4 if recipe.workers else None,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        ignore_data_skip=True,  # the dataset itself begins where the run stopped: drawing skipped scenes costs minutes
        **more,
    )


@dataclass(frozen=True)
class Micro:
    """What is known of a micro-batch before it is computed.

    Attributes:
        counts: by loss, of how many targets it is the mean, in each picture.
        shares: what its means count for in the step's loss; None for an objective that does not count.
        last: of its step.
    """

    counts: dict[str, list[float]]
    shares: dict[str, float] | None
    last: bool


class StageTrainer(Guarded):
    """Trains an objective whose ``forward(batch)`` returns named losses; each is logged by its own name.

    Where the objective counts targets, the loss of a step is the mean over the targets of all its micro-batches and
    processes: however a step is divided, its gradient is the same.

    Args:
        objective: whose losses are learned.
        recipe: of the run.
        args: :func:`arguments` of it.
        collate: items of a micro-batch -> {"batch", "counts"}.
        bucketed: items of a step, how many micro-batches -> the items of each; ``data_collator`` then gives {"items"}.
    """

    def __init__(
        self,
        objective: nn.Module,
        recipe: Recipe,
        args: TrainingArguments,
        collate: Callable[[list[Any]], dict[str, Any]] | None = None,
        bucketed: Callable[[list[Any], int], list[list[Any]]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(model=objective, args=args, **kwargs)
        self.loss_is_scaled_for_ga = True
        self.recipe = recipe
        self.watch = Watch(recipe.explodes)
        self._collate, self._bucketed = collate, bucketed
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, float] = defaultdict(float)
        self._noted: list[tuple[list[str], torch.Tensor, Micro, Any]] = []
        self._tally: Tally | None = None
        self._drawn = (-1, 0)  # the step, and which of its accumulated batches

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with one learning rate for each expression of the recipe; norms and biases do not decay."""
        if self.optimizer is None:
            assert isinstance(self.model, nn.Module)
            built = groups(self.model, self.recipe.train, self.recipe.weight_decay)
            self.optimizer = torch.optim.AdamW(built, betas=self.recipe.betas, fused=True)
        return self.optimizer

    # A step

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], None]:
        """The micro-batches of a step, with what each counts for in it."""
        lots, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if self._bucketed is not None and self._collate is not None and lots:
            items = [item for lot in lots for item in lot["items"]]
            lots = [self._collate(lot) for lot in self._bucketed(items, len(lots))]
        return [{**lot, "micro": micro} for lot, micro in zip(lots, self._micros(lots), strict=True)], None

    def _micros(self, lots: list[dict[str, Any]]) -> list[Micro]:
        counts: list[dict[str, list[float]]] = [lot.get("counts") or {} for lot in lots]
        names = sorted(counts[0]) if counts else []
        own = [sum(sum(count[name]) for count in counts) for name in names]
        totals = dict(zip(names, self.processes.sum(own), strict=True)) if names else {}
        made = []
        for number, count in enumerate(counts):
            shares = {n: self.processes.count * sum(count[n]) / max(totals[n], 1e-6) for n in names} if names else None
            made.append(Micro(count, shares, number == len(counts) - 1))
        return made

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Run the objective under the recipe's precision and note its parts."""
        self._seed()
        batch, micro = inputs["batch"].to(self.args.device), inputs["micro"]
        with torch.autocast(self.args.device.type, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            parts = model(batch) if micro.shares is None else model(batch, micro.shares)
        # Of what the objective itself gave DeepSpeed would divide the gradient by the accumulated batches, without ZeRO
        # and unasked: what is learned from must be a tensor of its own, though it be divided by 1.
        loss = parts["loss"] / (1 if micro.shares is not None else self.current_gradient_accumulation_steps)
        named = {**parts, "loss": loss}
        values = torch.stack([value.detach().float() for value in named.values()])
        self._noted.append((list(named), values, micro, batch))
        if (counted := getattr(batch, "tally", None)) is not None:
            self._tally = (self._tally or Tally()).add([counted])
        if micro.last:  # DeepSpeed steps within the backward pass: this is the moment to look
            self._settle()
        return (loss, parts) if return_outputs else loss

    def _seed(self) -> None:
        """What a step draws depends on the seed, the step and the process alone, not on what was drawn before: a run
        that goes on draws what it would have drawn. Python's own random numbers are the same in all processes."""
        step = self.state.global_step
        self._drawn = (step, self._drawn[1] + 1) if self._drawn[0] == step else (step, 0)
        torch.manual_seed(Random(f"{self.recipe.seed} {self.args.process_index} {self._drawn}").getrandbits(63))
        random.seed(f"{self.recipe.seed} {self._drawn}")

    def _settle(self) -> None:
        """Bring the parts of the step's micro-batches from the device, all at once, and look whether they are right."""
        noted, self._noted = self._noted, []
        numbers = iter(torch.cat([values for _, values, _, _ in noted]).tolist())
        rows = [dict(zip(names, numbers, strict=False)) for names, _, _, _ in noted]
        self.look(rows, [list(getattr(batch, "ids", ())) for _, _, _, batch in noted])
        for row, (_, _, micro, batch) in zip(rows, noted, strict=True):
            for name, value in row.items():
                weight = _weight(name, micro.counts, getattr(batch, "sources", ()))
                self._sums[name] += weight * value
                self._counts[name] += weight

    # Logs

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the mean of each part since the last line, over all processes, and what each source of a mixture
        brought."""
        total: dict[str, float] = defaultdict(float)
        counts: dict[str, float] = defaultdict(float)
        tally, own = Tally(), (dict(self._sums), dict(self._counts), self._tally)
        for own_sums, own_counts, own_tally in self.processes.every(own):
            for name, value in own_sums.items():
                total[name] += value
                counts[name] += own_counts[name]
            tally.add([own_tally] if own_tally is not None else [])
        logs |= {name: value / counts[name] for name, value in total.items() if name != "loss" and counts[name]}
        self._sums.clear()
        self._counts.clear()
        if self._tally is not None:
            logs |= tally.named()
            self._tally = Tally()
        super().log(logs, *args, **kwargs)

    # Data

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        return SequentialSampler(train_dataset or self.train_dataset)  # type: ignore[arg-type]


def _weight(name: str, counts: dict[str, list[float]], sources: tuple[str, ...]) -> float:
    """Of how many targets a logged mean is; 1 for what is not counted."""
    source, _, plain = name.rpartition("/")
    known = counts.get(plain)
    if known is None:
        return 1.0
    return sum(known) if not source else sum(n for n, own in zip(known, sources, strict=True) if own == source)
