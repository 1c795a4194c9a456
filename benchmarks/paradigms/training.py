"""The training of a run: its start, its recipe, and the features that all runs share."""

import contextlib
import dataclasses
import functools
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch
import yaml
from torch.utils.data import Dataset
from transformers import set_seed

from benchmarks.paradigms import rows
from benchmarks.paradigms.plan import Job, Run
from data.settings import build
from model.config import ModelConfig
from model.grounding import GroundingModel
from model.placement import PLAIN
from model.policy import Options as LayerOptions
from train import launch, recipe
from train.features import FeatureCache, digest
from train.objectives import grounding
from train.recipe import Recipe
from train.run import start as begun

RATE = 1e-3  # of the layer policy: that of tiny/grpo_layers
POLICY = "^model\\.policy\\."
CHANNELS = "^model\\.channels\\."


@dataclass(frozen=True)
class Settings:
    """What the runs of a comparison have in common.

    Attributes:
        start: the checkpoint whose language model and tower all begin with.
        segmenter: the checkpoint whose segmenter all begin with.
        steps, batch: of a run that begins there.
        grpo_steps, grpo_batch: of a run that goes on from another: GRPO's questions a step, and as many pictures a step
            of further supervision.
    """

    start: str
    segmenter: str
    steps: int
    batch: int
    grpo_steps: int
    grpo_batch: int


def train(job: Job, settings: Settings, out: Path) -> int:
    """Train a run, or go on with it; returns the exit code of ``pinpoint train``.

    Raises:
        ValueError: the recipe cannot work.
    """
    made = make(job, settings, out)
    path = recipe_file(job, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dataclasses.asdict(made), sort_keys=False), encoding="utf-8")
    if not job.run.reinforced:
        fill(made, out)
    return launch.main([str(path)])


def make(job: Job, settings: Settings, out: Path) -> Recipe:
    """The recipe of a run; its start is made if it is not there yet. It differs from the shipped recipes tiny/instruct
    and tiny/grpo in the start, the length, with warmup and decay in proportion, and in what learns beside."""
    run, after = job.run, job.after
    base = recipe.load("tiny/grpo" if run.reinforced else "tiny/instruct")
    rates = {expression: rate for expression, rate in base.train.items() if expression not in (POLICY, CHANNELS)}
    if not run.reinforced and "embedding" in run.channels:  # the others have nothing that learns
        rates[CHANNELS] = base.train[CHANNELS]
    if run.layer.learned:
        rates[POLICY] = RATE
    options = dict(base.options)
    if run.reinforced:
        options.pop("layer", None)  # the policy that the model has goes on
    else:
        options |= {"features": str(out / "features"), "reward": run.reward}
    steps = settings.steps if after is None else settings.grpo_steps
    if after is None:
        origin, take = start(job, settings, out), {"segmenter": settings.segmenter}
    else:
        origin, take = out / "runs" / after.name / "model", {}
    return replace(
        base,
        init=str(origin),
        take=take,
        out=str(out / "runs" / job.name),
        first=recipe.load("tiny/grpo").first if after is not None else base.first,
        options=options,
        train=rates,
        steps=steps,
        batch=settings.batch if after is None else settings.grpo_batch,
        warmup=scaled(base.warmup, base.steps, steps),
        decay=scaled(base.decay, base.steps, steps),
        seed=job.seed,
        log_steps=5,
        save_steps=20 if run.reinforced else 50,
    )


def scaled(part: int, whole: int, steps: int) -> int:
    """As large a part of ``steps`` as ``part`` is of ``whole``: at least 1, but 0 of 0."""
    return max(1, round(part * steps / whole)) if part else 0


def start(job: Job, settings: Settings, out: Path) -> Path:
    """The checkpoint that a run begins with: the networks of the common start, its own channels and policy, new.
    Weights that several runs of a seed have are the same in all of them."""
    folder = out / "starts" / job.name
    if (folder / "config.json").is_file():
        return folder
    set_seed(job.seed)
    model = GroundingModel.from_pretrained(settings.start, PLAIN, change=functools.partial(channelled, job.run))
    if job.run.layer != model.config.layer:
        model.begin_policy(layer(job.run, model.backbone.layers[-1]))
    model.save_pretrained(folder)
    return folder


def channelled(run: Run, held: ModelConfig) -> ModelConfig:
    """A start's configuration with the channels of a run, each set as the start has it, and the last layer.

    Raises:
        ValueError: the start does not have one of them.
    """
    for name in run.channels:
        if name not in held.channels:
            raise ValueError(f"--start: its config.json has no channel {name!r}, which the run {run.name} needs")
    return replace(held, channels={name: held.channels[name] for name in run.channels}, layer=LayerOptions())


def layer(run: Run, last: int) -> LayerOptions:
    """The policy of a run in a model whose last layer has this index."""
    return replace(run.layer, index=last // 2) if run.layer.policy == "fixed" else run.layer


def at_work(job: Job, out: Path) -> bool:
    """Whether a process trains this run: one whose command was killed goes on."""
    with contextlib.suppress(psutil.Error):
        return any(
            str(recipe_file(job, out)) in (one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])
        )
    return False


def recipe_file(job: Job, out: Path) -> Path:
    """Where a run's recipe is written."""
    return out / "recipes" / f"{job.name}.yaml"


# Features


class _Seen(Dataset[tuple[str, torch.Tensor, tuple[int, int]]]):
    """The pictures that a run's segmenter will see: the first ones of each batch, with their names."""

    def __init__(self, model: GroundingModel, options: grounding.Options, made: Recipe) -> None:
        self.data = grounding.dataset(model, options, made.first, made.steps * made.batch)
        each = min(options.images, made.batch)
        self.places = [step * made.batch + place for step in range(made.steps) for place in range(each)]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[str, torch.Tensor, tuple[int, int]]:
        item = self.data[self.places[index]]
        return digest(item.sam, item.size), item.sam, item.size


def fill(made: Recipe, out: Path) -> None:
    """Keep the features of all pictures that a run will see, before its steps are timed: else the run that comes first
    would pay for those that follow."""
    done = out / "features" / f"filled-{made.first}-{made.steps}-{made.batch}"
    with rows.locked(out / ".features.lock", wait=True):
        if done.is_file():
            return
        options = build(grounding.Options, {**made.options, "conversations": 1, "forms": (), "loose": 0.0}, "options")
        model = begun(made).eval()
        cache = FeatureCache(out / "features", int(options.features_gb * 1e9), model.segmenter.encoder)
        seen = _Seen(model, options, made)
        with torch.no_grad():
            for index in range(len(seen)):
                name, prepared, size = seen[index]
                cache.encode(model.segmenter, prepared[None], [size], [name])
        done.write_text(f"{len(seen)} pictures\n", encoding="utf-8")


# What a training tells


def facts(job: Job, out: Path) -> dict[str, Any]:
    """Of a finished training: parameters that learned, and the median of the seconds that a step took; None where it
    was too short to tell."""
    folder = out / "runs" / job.name
    told: Mapping[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    lines = map(json.loads, (folder / "log.jsonl").read_text(encoding="utf-8").splitlines())
    took = [line["seconds_per_step"] for line in lines if "seconds_per_step" in line]
    return {
        "parameters": sum(told["learn"].values()),
        "seconds_step": statistics.median(took) if took else None,
    }
