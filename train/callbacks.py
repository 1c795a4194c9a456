"""What a run does between its steps: validates, saves, ends."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import distributed
from transformers import TrainerCallback

from model.grounding import GroundingModel
from train import lora, partition, saving
from train.guarded import Guarded
from train.processes import Processes
from train.recipe import Lora
from train.stopping import Ends
from train.validation import Validation

SHARED = Path("/dev/shm")


class Plain:
    """Gives what a model has learned so far as a plain model, from any ZeRO stage; made before the Trainer.

    Args:
        model: that is trained.
        adapters: that it carries.
        split: whether each process will hold but a part of it (stage 3).
        restore: of a model that trains on rounded weights makes one with the weights as they were before.
    """

    def __init__(
        self,
        model: GroundingModel,
        adapters: Lora | None,
        split: bool,
        restore: Callable[[GroundingModel], GroundingModel] | None = None,
    ) -> None:
        self.model, self._restore = model, restore
        self._whole = partition.Whole(model, adapters) if split else None
        if split:
            partition.declare(model)

    @property
    def split(self) -> bool:
        """Whether copying takes all processes, and gives a copy in the first alone."""
        return self._whole is not None and partition.split(self.model)

    def usable(self) -> GroundingModel | None:
        """The model with its adapters beside its weights, to be asked; None in a process that has but a part of it and
        is not the first."""
        return self._whole.copy(self.model) if self._whole is not None and self.split else self.model

    def finished(self) -> GroundingModel | None:
        """The model with its adapters added into its weights; None as of :meth:`usable`."""
        made = self.usable()
        if made is not None and self._restore is not None:
            return lora.merged(self._restore(made), keep=False)
        return None if made is None else lora.merged(made)

    def keep(self, folder: Path) -> None:
        """Renew the usable checkpoint in ``folder``; in all processes."""
        first = not distributed.is_initialized() or distributed.get_rank() == 0
        finished = self.finished() if first or self.split else None
        if finished is not None and first:
            finished.save_pretrained(folder)


class Rounds(TrainerCallback):
    """After each step: validates, saves by the clock, and ends the run when it was told to; when it begins: has the
    gradient's norm kept."""

    def __init__(self, trainer: Guarded, plain: Plain, ends: Ends) -> None:
        self.trainer, self.plain, self.ends = trainer, plain, ends
        self.validation = Validation(trainer.recipe)
        self._saved = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.keep_norm()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        recipe, processes = self.trainer.recipe, self.trainer.processes
        due = recipe.save_minutes > 0 and time.monotonic() - self._saved > 60 * recipe.save_minutes
        saves, ends = processes.sum([float(due and processes.first), float(self.ends.asked)])
        if not self.trainer.resumable:  # both wait for a step from which the run can go on
            saves = ends = 0.0
        control.should_save = control.should_save or saves > 0 or ends > 0
        control.should_training_stop = control.should_training_stop or ends > 0
        every = recipe.validate_steps
        if every and not ends and (state.global_step % every == 0 or state.global_step == recipe.steps):
            self._validate(state.global_step)
            control.should_log = True
            best = processes.first and saving.best_step(Path(recipe.out)) == state.global_step
            control.should_save = control.should_save or processes.any(best)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._saved = time.monotonic()

    def _validate(self, step: int) -> None:
        processes = self.trainer.processes
        share = Processes.alone() if self.plain.split else processes
        model = self.plain.usable()
        own = [] if model is None else self.validation.answer(model, share, step)
        rows = [row for rows in processes.every(own) for row in rows]
        numbers = self.validation.write(step, rows) if processes.first else {}
        self.trainer.beside.update({f"val/{name}": value for name, value in processes.every(numbers)[0].items()})


class Unnamed(TrainerCallback):
    """On CPUs DeepSpeed shares a buffer of 69 MB a process, and leaves its file in memory for good. After a step every
    process has opened it, and the name can go: the memory then goes with the processes, however they end."""

    def __init__(self) -> None:
        where = [os.environ.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT", "RANK")]
        self._file = SHARED / "_".join(["deepspeed_allreduce_buffer", str(os.getuid()), *where])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._file.unlink(missing_ok=True)
