"""One process of a training run; started by :mod:`train.launch` through the DeepSpeed launcher.

Reads the recipe, builds the model, trains the objective, and leaves in the run's folder: ``recipe.yaml`` (resolved),
``run.json`` (commit, versions, seed, command), ``checkpoints/`` (resumable), ``tensorboard/`` and ``model/`` (a
Pinpoint checkpoint, renewed at every save).
"""

import argparse
import dataclasses
import functools
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import TrainerCallback, set_seed

from data.settings import build
from model import config as model_config
from model.grounding import GroundingModel
from model.tokens import train_tokenizer
from train import lora, objectives
from train.parameters import counts, select
from train.provenance import commit
from train.recipe import Recipe, load
from train.trainer import StageTrainer, arguments, last_checkpoint

log = logging.getLogger("train")


def main(argv: list[str]) -> int:
    """Train; returns 0 when the run reached its last step, 2 when the recipe cannot work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--local_rank", type=int, default=0)
    args = parser.parse_args(argv)
    first = int(os.environ.get("RANK", "0")) == 0
    logging.basicConfig(level=logging.INFO if first else logging.ERROR, format="%(message)s")
    try:
        train(load(args.recipe, args.overrides), restart=args.restart)
    except ValueError as error:
        print(f"pinpoint train: {error}", file=sys.stderr)
        return 2
    return 0


def train(recipe: Recipe, restart: bool = False) -> GroundingModel:
    """Run a recipe to its last step and return the finished model.

    Raises:
        ValueError: the recipe cannot work.
        FloatingPointError: the loss is no longer a number.
    """
    out = Path(recipe.out)
    if restart:
        shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    set_seed(recipe.seed)
    model = start(recipe)
    if recipe.lora is not None:
        lora.attach(model, recipe.lora)
    module = objectives.load(recipe.objective)
    options = build(module.Options, recipe.options, "options")
    objective = module.Objective(model, options)
    select(objective, recipe.train)
    for part, (learn, total) in counts(objective).items():
        log.info("%-28s %12s of %12s parameters learn", part, f"{learn:,}", f"{total:,}")
    _describe(recipe, out)

    resume, step = last_checkpoint(out)
    images = recipe.batch * recipe.accumulate * int(os.environ.get("WORLD_SIZE", "1"))
    data = module.dataset(model, options, recipe.first + step * images, max(1, recipe.steps - step) * images)
    trainer = StageTrainer(
        objective,
        recipe,
        arguments(recipe, recipe.steps),
        train_dataset=data,
        data_collator=functools.partial(_collate, module, model),
        callbacks=[Keep(model, out)],
    )
    if step < recipe.steps:
        if resume:
            log.info("going on from step %d", step)
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    finished = lora.merged(model)
    if trainer.is_world_process_zero():
        finished.save_pretrained(out / "model")
    return finished


def start(recipe: Recipe) -> GroundingModel:
    """The model a run begins with: from a preset (with a tokenizer of its own) or a checkpoint, plus taken parts.

    Raises:
        ValueError: a part of ``take`` is unknown, or does not fit.
    """
    if recipe.init in model_config.presets():
        tokenizer = train_tokenizer(_texts(recipe.tokenizer_texts), recipe.tokenizer_vocabulary)
        model = GroundingModel.build(model_config.preset(recipe.init), tokenizer)
    else:
        # What learns is float32, however it was stored: steps are smaller than half precision tells apart.
        model = GroundingModel.from_pretrained(recipe.init, dtype=torch.float32)
    for part, folder in recipe.take.items():
        try:
            mine, theirs = _part(model, part), _part(GroundingModel.from_pretrained(folder, dtype=torch.float32), part)
            mine.load_state_dict(theirs.state_dict())
        except RuntimeError as error:
            raise ValueError(f"take: the {part} of {folder} has another shape than that of {recipe.init}") from error
    return model


def _texts(count: int) -> Iterator[str]:
    if not count:
        return iter(())
    from data.world.world import World

    return World("train", count).texts(count)


def _part(model: GroundingModel, name: str) -> torch.nn.Module:
    parts = {
        "segmenter": model.segmenter,
        "channels": model.channels,
        "backbone": model.backbone,
        "tower": model.backbone.tower,
    }
    if name not in parts:
        raise ValueError(f"take: no part {name!r}; there are {', '.join(parts)}")
    return parts[name]


def _collate(module: Any, model: GroundingModel, items: list[Any]) -> dict[str, Any]:
    return {"batch": module.collate(model, items)}


class Keep(TrainerCallback):
    """Renews the run's usable checkpoint at every save; with adapters only the last one is merged and written."""

    def __init__(self, model: GroundingModel, out: Path) -> None:
        self.model, self.out = model, out

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            lora.merged(self.model).save_pretrained(self.out / "model")


def _describe(recipe: Recipe, out: Path) -> None:
    if int(os.environ.get("RANK", "0")) != 0:
        return
    (out / "recipe.yaml").write_text(yaml.safe_dump(dataclasses.asdict(recipe), sort_keys=False), encoding="utf-8")
    packages = ("torch", "transformers", "deepspeed", "peft", "segment-anything")
    facts = {
        "commit": commit(),
        "command": sys.argv,
        "seed": recipe.seed,
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in packages},
        "threads": torch.get_num_threads(),
    }
    (out / "run.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
