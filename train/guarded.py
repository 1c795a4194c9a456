"""What every Trainer here does to lose no run: checkpoints are whole or not there, data workers outlive signals, and a
loss that comes apart stops the run before it spoils the weights."""

import errno
import functools
import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from torch.utils.data import DataLoader
from transformers import Trainer

from train import saving
from train.processes import Processes
from train.recipe import Recipe
from train.watch import Watch

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Guarded(Trainer):
    """Stands before a Trainer among the bases of a class.

    Attributes:
        recipe: of the run.
        watch: what the loss of each step is shown to.
        keep: called in all processes with each checkpoint, before that has its name.
        beside: numbers that the next line of the log has, too.
    """

    recipe: Recipe
    watch: Watch
    keep: Callable[[], None] | None = None
    _staging = False
    _logged: tuple[int, float] | None = None  # the step of the last line of the log, and when it was written

    @functools.cached_property
    def beside(self) -> dict[str, float]:
        """None at first."""
        return {}

    @functools.cached_property
    def processes(self) -> Processes:
        """Those of the run."""
        return Processes()

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """In full into the run's ``log.jsonl``, by the first process; in six digits to who watches. Beside the losses
        stands what a step took since the last line, with what was validated and saved between."""
        step, now = self.state.global_step, time.perf_counter()
        if self._logged is not None and step > self._logged[0]:
            logs["seconds_per_step"] = (now - self._logged[1]) / (step - self._logged[0])
        self._logged = (step, now)
        logs |= self.beside
        self.beside.clear()
        short = {name: value if isinstance(value, int) else float(f"{value:.6g}") for name, value in logs.items()}
        super().log(short, *args, **kwargs)  # a Trainer below adds what it has noted itself
        if self.processes.first:
            with (Path(self.recipe.out) / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": self.state.global_step, **short, **logs}) + "\n")

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The loader, its workers deaf to the signals that end a run: the batches that they hold are still needed to
        save."""
        loader = super().get_train_dataloader()
        inner = getattr(loader, "base_dataloader", loader)
        inner.worker_init_fn = functools.partial(_deaf, inner.worker_init_fn)
        return loader

    @property
    def resumable(self) -> bool:
        """Whether a run can go on from the step where this one stands."""
        return True

    def keep_norm(self) -> None:
        """Without ZeRO DeepSpeed clips the gradient and forgets its norm: from now on it is kept. To be called when the
        run begins."""
        engine = self._engine
        if engine.zero_optimization():
            return
        from deepspeed.runtime.utils import clip_grad_norm_

        def clip() -> None:
            parameters, most = engine.module.parameters(), engine.gradient_clipping()
            engine._global_grad_norm = clip_grad_norm_(parameters=parameters, max_norm=most, mpu=engine.mpu)

        engine.clip_fp32_gradients = clip

    @property
    def _engine(self) -> Any:
        return self.accelerator.deepspeed_engine_wrapped.engine

    def _clip_grad_norm(self, model: nn.Module) -> None:
        """Nothing: DeepSpeed has clipped within the backward pass."""

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """The norm of the gradient before it was clipped, left on the device until a line of the log has it; None where
        neither ZeRO nor clipping asks for it."""
        return self._engine.get_global_grad_norm()

    def look(self, losses: list[dict[str, float]], samples: list[Any]) -> None:
        """See whether the loss of the step is right, before the optimizer takes it; in all processes.

        Args:
            losses: of each of this process's micro-batches; their ``loss`` adds up to the step's.
            samples: the ids of those that each micro-batch is made of, picture by picture.

        Raises:
            FloatingPointError: the step's loss, the mean over processes, is no number or explodes.
        """
        total = self.processes.sum([sum(named["loss"] for named in losses)])[0] / self.processes.count
        if (wrong := self.watch.wrong(total)) is not None:
            self._stop(wrong, losses, samples)

    def _stop(self, wrong: str, losses: list[dict[str, float]], samples: list[Any]) -> None:
        """Write down what the step was made of, save the state before it, and give up.

        Raises:
            FloatingPointError: always.
        """
        step, path = self.state.global_step, Path(self.recipe.out) / "stopped.json"
        told = self.processes.every({"losses": losses, "samples": samples})
        if self.processes.first:
            facts = {"step": step, "reason": wrong, "processes": told}
            path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        broken = [name for name, p in self.model.named_parameters() if not torch.isfinite(p).all()]  # type: ignore[union-attr]
        if self.processes.any(bool(broken)):
            saved = f"weights are broken already, and the last checkpoint stays ({broken[:1]} ...)"
        elif not self.resumable:
            saved = "no run can go on from here, and the last checkpoint stays"
        else:
            self._save_checkpoint(self.model, None)  # type: ignore[arg-type]
            saved = f"the state before is in checkpoint-{step}"
        raise FloatingPointError(f"{wrong} at step {step + 1}; {saved}, the samples of the step are in {path}")

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Nothing: DeepSpeed's own checkpoint beside it holds the weights, with the optimizer's state."""
        Path(output_dir or str(self.args.output_dir)).mkdir(parents=True, exist_ok=True)

    def _get_output_dir(self, trial: Any) -> str:
        folder = super()._get_output_dir(trial)
        return str(Path(folder) / saving.STAGED) if self._staging else folder

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint where no one looks for one, and name it when every process has written its part.

        Raises:
            ValueError: the disk is full; nothing is left of the attempt.
        """
        out, folder = Path(self.recipe.out), Path(str(self.args.output_dir))
        staged, path = folder / saving.STAGED, folder / f"checkpoint-{self.state.global_step}"
        if self.processes.any(self.processes.first and path.exists()):  # of this very step: a run that comes apart
            return
        lacks = saving.lacking(out, model) if self.processes.first else None
        if (said := self.processes.every(lacks)[0]) is not None:
            raise ValueError(said)
        if self.processes.first:
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(parents=True)
        self.processes.wait()
        self._staging = True
        try:
            super()._save_checkpoint(model, trial)
            if self.keep is not None:
                self.keep()
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(staged, ignore_errors=True)
            if (full := _full(error, out)) is not None:
                raise full from error
            raise
        finally:
            self._staging = False
        self.processes.wait()
        if self.processes.first:
            saving.publish(staged / path.name, path)
            shutil.rmtree(staged, ignore_errors=True)
            saving.prune(out, self.recipe.keep)
        self.processes.wait()


def _full(error: Exception, out: Path) -> ValueError | None:
    """What to say if an error means that the disk is full; torch tells it in words of its own."""
    if getattr(error, "errno", None) in FULL or shutil.disk_usage(out).free < 2**20:
        return ValueError(
            f"the disk of {out} is full: make room, and the same command goes on from the last checkpoint"
        )
    return None


def _deaf(then: Callable[[int], None] | None, worker: int) -> None:
    """A data worker does not die of the signals that the run answers to; it ends with its process."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if then is not None:
        then(worker)
