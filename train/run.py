"""One process of a training run; started by :mod:`train.launch` through the DeepSpeed launcher.

Reads the recipe, builds the model, trains the objective, and leaves in the run's folder: ``recipe.yaml`` (resolved),
``run.json`` (commit, versions, seed, command, processes, of this start and of earlier ones), ``log.txt`` and
``log.jsonl``, ``checkpoints/`` (resumable, with TensorBoard's files), ``validation.jsonl`` and ``validation/`` (numbers
and sheets of answers) and ``model/`` (a Pinpoint checkpoint, renewed at every save).
"""

import argparse
import atexit
import contextlib
import functools
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from transformers import PreTrainedTokenizerBase, set_seed

from data.provenance import commit
from data.settings import build
from model import config as model_config
from model import folders
from model.grounding import GroundingModel
from model.placement import PLAIN
from model.tokens import train_tokenizer
from train import lora, objectives, origin, rounded, rundir
from train.callbacks import Plain, Rounds, Unnamed
from train.guarded import FULL
from train.parameters import counts, select
from train.recipe import Recipe, load, zero_stage
from train.saving import last_checkpoint
from train.stopping import Ends, Interrupted, end_workers, worker_died
from train.trainer import StageTrainer, arguments

log = logging.getLogger("train")
WORKER = "a data worker died ({}); the same command goes on from the last checkpoint"


def main(argv: list[str]) -> int:
    """Train; returns 0 when the run reached its last step, 2 when it cannot, 143 when it was told to stop before, and
    130 when it was to end at once."""
    from train.launch import check  # whoever starts processes by torchrun has not checked

    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--local_rank", type=int, default=0)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO if first_process() else logging.ERROR, format="%(message)s")
    try:
        recipe = load(args.recipe, args.overrides)
        check(recipe)
        train(recipe, restart=args.restart)
        _leave_group()
    except Interrupted as error:
        log.info("%s", error)
        _leave_group()
        return 143
    except KeyboardInterrupt:
        _failed("ended at once, without saving; the same command goes on from the last checkpoint")
        return 130
    except (ValueError, FloatingPointError) as error:
        return _failed(str(error))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            return _failed(f"the disk is full ({error}): make room, and the same command goes on")
        lost = isinstance(error, OSError | EOFError | RuntimeError)
        if lost and (str(error).startswith("DataLoader worker") or worker_died()):
            return _failed(WORKER.format(" ".join(f"{type(error).__name__} {error}".split())[:300]))
        _note(traceback.format_exc().rstrip())
        raise
    finally:
        end_workers()
    return 0


def _leave_group() -> None:
    """Every process is here, and none waits for another."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _failed(reason: str) -> int:
    """Say in one line why it ends; what a data worker raised says so in its last line."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    if lines and lines[0].startswith("Caught "):
        lines = [lines[-1].partition(": ")[2] or lines[-1]]
    told = f"pinpoint train: {' '.join(lines)}"
    print(f"\n{told}", file=sys.stderr, flush=True)  # the progress bar leaves its line open
    _note(told)
    return 2


def _note(text: str) -> None:
    """Into the run's log.txt alone: who watches is told in another way."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logging.makeLogRecord({"msg": text}))


def train(recipe: Recipe, restart: bool = False) -> None:
    """Run a recipe to its last step; the finished model is in its folder ``model``.

    Raises:
        ValueError: the recipe cannot work, its folder is in use, or holds another run.
        FloatingPointError: the loss is no longer a number, or rose out of measure.
        Interrupted: it was told to stop, and has saved.
    """
    ends = Ends()
    out, processes = Path(recipe.out), int(os.environ.get("WORLD_SIZE", "1"))
    with contextlib.ExitStack() as claim:
        if first_process():
            rundir.check(recipe, processes, restart)
            claim.enter_context(rundir.claimed(out))
            if restart:
                rundir.clear(out)
            folders.sweep(out / "model")
            # of the root: what the data and other parts say belongs into it, too
            logging.getLogger().addHandler(logging.FileHandler(out / rundir.LOG, encoding="utf-8"))
        _train(recipe, (None, 0) if restart else last_checkpoint(out), processes, ends)


def _train(recipe: Recipe, saved: tuple[Path | None, int], processes: int, ends: Ends) -> None:
    """From the state that was ``saved``, if one was."""
    out, (resume, step) = Path(recipe.out), saved
    if step >= recipe.steps and (out / "model").is_dir():
        log.info("the run has done its %d steps already: give it more, or start it with --restart", step)
        return
    set_seed(recipe.seed)
    model = start(recipe)
    if recipe.lora is not None:
        set_seed(recipe.seed)  # adapters begin alike whatever channels and policy the model has
        lora.attach(model, recipe.lora)
    if recipe.bits is not None:
        rounded.leave_out(model)
    if recipe.recompute:
        model.backbone.recompute()
    module = objectives.load(recipe.objective)
    options = build(module.Options, recipe.options, "options")
    objective = module.Objective(model, options)
    select(objective, recipe.train, rounded.names(objective, model) if recipe.bits else ())
    origin.hold(model, recipe)  # steps are smaller than half precision tells apart
    for part, (learn, total) in counts(objective).items():
        log.info("%-28s %12s of %12s parameters learn", part, f"{learn:,}", f"{total:,}")
    if first_process():
        rundir.describe(recipe, _facts(recipe, objective, processes), step)

    restore = _restoring(recipe, module, options) if recipe.bits else None
    plain = Plain(model, recipe.lora, zero_stage(recipe) == 3, restore)
    if hasattr(module, "trainer"):
        trainer = module.trainer(objective, recipe, options, step, processes)
    else:
        images = recipe.batch * recipe.accumulate * processes
        data = module.dataset(model, options, recipe.first + step * images, max(1, recipe.steps - step) * images)
        collate = functools.partial(_collate, module, model, options)
        bucketed = getattr(module, "bucketed", None) if recipe.bucket and recipe.accumulate > 1 else None
        trainer = StageTrainer(
            objective,
            recipe,
            arguments(recipe, objective),
            collate=collate,
            bucketed=bucketed,
            train_dataset=data,
            data_collator=_together if bucketed else collate,
        )
    trainer.keep = functools.partial(plain.keep, out / "model")
    trainer.add_callback(Rounds(trainer, plain, ends))
    trainer.add_callback(Unnamed())
    if resume:
        log.info("going on from step %d", step)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if trainer.state.global_step < recipe.steps:
        raise Interrupted(f"stopped after step {trainer.state.global_step}; the same command goes on from there")


def first_process() -> bool:
    """Whether this is the first process of the run."""
    return int(os.environ.get("RANK", "0")) == 0


def _restoring(recipe: Recipe, module: Any, options: Any) -> Callable[[GroundingModel], GroundingModel]:
    """What makes a model that can be saved of one that trains on rounded weights."""
    assert recipe.lora is not None

    def read() -> GroundingModel:
        model = start(rounded.unrounded(recipe))
        module.Objective(model, options)  # it may begin a layer policy, or let answers begin with thinking
        return model

    return functools.partial(rounded.restored, adapters=recipe.lora, read=read)


def start(recipe: Recipe) -> GroundingModel:
    """The model a run begins with: from a preset (with a tokenizer of its own) or a checkpoint, plus taken parts.

    Raises:
        ValueError: a part of ``take`` does not fit; or random weights are to be rounded.
    """
    if recipe.init in model_config.presets():
        rounded.check_start(recipe)
        model = GroundingModel.build(model_config.preset(recipe.init), tokenizer(recipe))
    else:
        model = origin.read(recipe)
    take(model, recipe, lambda folder: GroundingModel.from_pretrained(origin.folder(folder), PLAIN))
    return model


def take(model: GroundingModel, recipe: Recipe, read: Callable[[str], GroundingModel]) -> None:
    """Load the parts that a recipe takes from other checkpoints, which ``read`` gives by name.

    Raises:
        ValueError: a part does not fit.
    """
    for part, folder in recipe.take.items():
        try:
            origin.part(model, part).load_state_dict(origin.part(read(folder), part).state_dict())
        except RuntimeError as error:
            raise ValueError(f"take: the {part} of {folder} has another shape than that of {recipe.init}") from error


def tokenizer(recipe: Recipe) -> PreTrainedTokenizerBase:
    """The tokenizer of a run that begins with random weights, trained on the world's texts."""
    return train_tokenizer(_texts(recipe.tokenizer_texts), recipe.tokenizer_vocabulary)


def _texts(count: int) -> Iterator[str]:
    if not count:
        return iter(())
    from data.world.world import World

    return World("train", count).texts(count)


def _collate(module: Any, model: GroundingModel, options: Any, items: list[Any]) -> dict[str, Any]:
    batch = module.collate(model, items)
    counts = module.counts(model, options, batch) if hasattr(module, "counts") else None
    return {"batch": batch, "counts": counts}


def _together(items: list[Any]) -> dict[str, Any]:
    """The items as they are: they are put together when all of the step are there."""
    return {"items": items}


def _facts(recipe: Recipe, objective: torch.nn.Module, processes: int) -> dict[str, Any]:
    """What makes this start of a run."""
    packages = ("torch", "transformers", "deepspeed", "peft", "trl", "segment-anything")
    return {
        "commit": commit(),
        "command": sys.argv,
        "folder": str(Path.cwd()),
        "seed": recipe.seed,
        "processes": processes,
        "learn": {part: learn for part, (learn, _) in counts(objective).items() if learn},
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in packages},
        "threads": torch.get_num_threads(),
    }


def _end(code: int) -> None:
    """End without taking Python and its libraries apart.

    Groups that DeepSpeed keeps have threads that outlive ``destroy_process_group``; one that drops its last Python
    object while the interpreter goes away aborts a process whose work is done (exit code 250 of the launcher).
    """
    if code not in (2, 130):  # what others registered: a run of W&B ends. A failed process has others waiting for it
        atexit._run_exitfuncs()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(main(sys.argv[1:]))
