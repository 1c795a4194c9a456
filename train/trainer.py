"""The transformers Trainer, told what a batch of ours is, what to log, and how to go on where a run stopped."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import nn
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import Trainer, TrainingArguments

from data.tally import Tally
from train.parameters import groups
from train.recipe import DEEPSPEED, Recipe

log = logging.getLogger(__name__)


def arguments(recipe: Recipe, total_steps: int) -> TrainingArguments:
    """The recipe in the Trainer's own terms."""
    return TrainingArguments(
        output_dir=str(Path(recipe.out) / "checkpoints"),
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        max_steps=total_steps,
        lr_scheduler_type="warmup_stable_decay" if recipe.decay else "constant_with_warmup",
        lr_scheduler_kwargs={"num_decay_steps": recipe.decay} if recipe.decay else None,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        optim="adamw_torch_fused",
        logging_steps=recipe.log_steps,
        save_steps=recipe.save_steps,
        save_total_limit=recipe.keep,
        seed=recipe.seed,
        report_to=["tensorboard"],
        deepspeed=str(DEEPSPEED / f"{recipe.deepspeed}.json"),
        use_cpu=not torch.cuda.is_available(),
        dataloader_num_workers=recipe.workers,
        dataloader_persistent_workers=recipe.workers > 0,
        dataloader_prefetch_factor=4 if recipe.workers else None,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        ignore_data_skip=True,  # the dataset itself begins where the run stopped: drawing skipped scenes costs minutes
    )


class StageTrainer(Trainer):
    """Trains an objective whose ``forward(batch)`` returns named losses; each is logged by its own name."""

    def __init__(self, objective: nn.Module, recipe: Recipe, args: TrainingArguments, **kwargs: Any) -> None:
        super().__init__(model=objective, args=args, **kwargs)
        self.recipe = recipe
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self._tally: Tally | None = None
        self._drawn = (-1, 0)  # the step, and which of its accumulated batches

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with one learning rate for each expression of the recipe; norms and biases do not decay."""
        if self.optimizer is None:
            assert isinstance(self.model, nn.Module)
            built = groups(self.model, self.recipe.train, self.recipe.weight_decay)
            self.optimizer = torch.optim.AdamW(built, betas=(0.9, 0.98), fused=True)
        return self.optimizer

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Run the objective under the recipe's precision and note its parts."""
        self._seed()
        batch = inputs["batch"].to(self.args.device)
        with torch.autocast(self.args.device.type, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            parts = model(batch)
        if not math.isfinite(loss := float(parts["loss"].detach())):
            raise FloatingPointError(
                f"the loss became {loss} at step {self.state.global_step}; parts: {_floats(parts)}"
            )
        for name, value in _floats(parts).items():
            self._sums[name] += value
            self._counts[name] += 1
        if (counted := getattr(batch, "tally", None)) is not None:
            self._tally = (self._tally or Tally()).add([counted])
        return (parts["loss"], parts) if return_outputs else parts["loss"]

    def _seed(self) -> None:
        """What a step draws depends on the seed, the step and the process alone, not on what was drawn before: a run
        that goes on draws what it would have drawn."""
        step = self.state.global_step
        self._drawn = (step, self._drawn[1] + 1) if self._drawn[0] == step else (step, 0)
        torch.manual_seed(Random(f"{self.recipe.seed} {self.args.process_index} {self._drawn}").getrandbits(63))

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the mean of each part since the last line, and what each source of a mixture brought to all processes."""
        for name, total in self._sums.items():
            if name != "loss":
                logs[name] = round(total / self._counts[name], 4)
        self._sums.clear()
        self._counts.clear()
        if self._tally is not None:  # in all processes or in none
            logs |= Tally().add(gather_object([self._tally])).named()
            self._tally = Tally()
        super().log(logs, *args, **kwargs)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        return SequentialSampler(train_dataset or self.train_dataset)  # type: ignore[arg-type]

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Nothing: DeepSpeed's own checkpoint beside it holds the weights, with the optimizer's state."""
        Path(output_dir or str(self.args.output_dir)).mkdir(parents=True, exist_ok=True)


def _floats(parts: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(value.detach()) for name, value in parts.items()}


def last_checkpoint(out: Path) -> tuple[Path | None, int]:
    """The newest complete checkpoint of a run and its step; (None, 0) if there is none.

    The Trainer writes ``trainer_state.json`` last: a folder without it was cut off in the middle of a save.
    """
    found = [(int(path.name.rpartition("-")[2]), path) for path in _complete(out / "checkpoints")]
    step, path = max(found, default=(0, None), key=lambda pair: pair[0])
    return path, step


def _complete(folder: Path) -> Iterator[Path]:
    for path in folder.glob("checkpoint-*"):
        if (path / "trainer_state.json").is_file() and path.name.rpartition("-")[2].isdigit():
            yield path
