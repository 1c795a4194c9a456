"""Recipes: one commented YAML file says everything about a training run.

``pinpoint train tiny/pretrain steps=200`` reads ``train/recipes/tiny/pretrain.yaml``, applies the overrides and checks
every key and type before anything heavy starts.
"""

import difflib
import json
import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from data.settings import build

RECIPES = Path(__file__).parent / "recipes"
DEEPSPEED = Path(__file__).parent / "deepspeed"
log = logging.getLogger(__name__)
BUCKET = 500_000_000  # numbers in a bucket of ZeRO's, where the DeepSpeed file names no other


@dataclass(frozen=True)
class Lora:
    """Adapters on the language model's projections (Hu et al. 2021); merged into the weights when the run ends.

    Attributes:
        targets: the projections by name ("q_proj", "v_proj"); all of them if empty.
        marks: the rows of ``<SEG>`` and ``<REJ>`` in embedding and head learn, too, and no others of them
            ("trainable_tokens" in ``train`` gives their rate).
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ()
    marks: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that could only fail later."""
        if self.rank < 1:
            raise ValueError(f"lora: rank: {self.rank} is too few: at least 1")
        if self.alpha < 1:
            raise ValueError(f"lora: alpha: {self.alpha} is too few, and adapters would add nothing: at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"lora: dropout: {self.dropout} is no share: from 0 to below 1")


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        objective: a file of :mod:`train.objectives`.
        options: the settings of that objective, typed by its ``Options``.
        init: a preset of :mod:`model.presets` (random weights), a Pinpoint checkpoint folder, the name of a release
            that was downloaded ("llava-1.5-7b"), or BACKBONE+SEGMENTER, two released parts.
        preset: the preset whose channels, layer policy and marks are put on the networks of ``init``, new; as ``init``
            has them if None.
        published: the published system's losses and coordinates, faults included; ``preset`` is then its name.
        take: parts loaded over ``init``: {"segmenter": FOLDER}; parts are segmenter, tower, backbone and channels.
        tokenizer_texts: how many texts of the world the tokenizer is trained on when ``init`` is a preset (0: none are
            needed, the stage reads no text).
        tokenizer_vocabulary: its size.
        out: the run's folder; the finished checkpoint is OUT/model.
        train: regular expression over parameter names -> learning rate; what none matches is frozen.
        lora: adapters, or none.
        steps, batch, accumulate: optimizer steps, images a step and process, micro-batches a step.
        warmup, decay: steps of linear warm-up and of the final decay to zero (between them the rate is constant, so
            that a run can be continued by giving it more steps). Without decay a run shorter than its warm-up is the
            beginning of a longer one.
        decay_shape: of that decay.
        betas: of AdamW.
        precision: "bf16" (autocast) or "fp32".
        frozen: what the weights that do not learn are held in; what learns is fp32 always.
        bits: the language model's layers are read rounded to so many each (NF4, Dettmers et al. 2023), and only
            adapters beside them learn; as they are if None.
        recompute: the language model's layers are run again in the backward pass instead of being kept (Chen et al.
            2016): a third more arithmetic for a small part of the memory.
        bucket: put pictures of like length into the same micro-batch of a step, where it has several; the gradient is
            the same.
        deepspeed: a file of train/deepspeed.
        processes: how many processes the launcher starts on this machine.
        hosts: a DeepSpeed hostfile of several machines ("NAME slots=8" a line): there as many as their slots.
        save_steps, save_minutes: how often a resumable checkpoint is written; by the clock, too, if above 0.
        keep: how many of them are kept, the newest, beside the one that validated best.
        validate: what the model answers questions of while it trains, BENCHMARK/SPLIT as ``pinpoint eval`` has them, or
            DATASET/SPLIT of the tree ``options.root``.
        validate_steps, validate_count: how often, never if 0, and about how many pictures, the first ones by name.
        explodes: a loss above so many times the median of the last steps (in reinforcement at least 1) stops the run;
            0: only one that is no number.
        report: where losses are shown, beside the run's own log.jsonl: "tensorboard", "wandb".
    """

    objective: str
    init: str
    out: str
    train: dict[str, float]
    steps: int
    batch: int
    preset: str | None = None
    published: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    take: dict[str, str] = field(default_factory=dict)
    tokenizer_texts: int = 20000
    tokenizer_vocabulary: int = 2048
    lora: Lora | None = None
    accumulate: int = 1
    warmup: int = 50
    decay: int = 0
    decay_shape: Literal["cosine", "linear"] = "cosine"
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    clip: float = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"
    frozen: Literal["bf16", "fp32"] = "fp32"
    bits: Literal[4] | None = None
    recompute: bool = False
    bucket: bool = True
    seed: int = 0
    first: int = 0
    workers: int = 1
    processes: int = 1
    hosts: str | None = None
    deepspeed: str = "zero0"
    save_steps: int = 200
    save_minutes: float = 0.0
    log_steps: int = 10
    keep: int = 1
    validate: str = "world/val"
    validate_steps: int = 0
    validate_count: int = 64
    explodes: float = 100.0
    report: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that could only fail later."""
        for name in ("steps", "batch", "accumulate", "processes", "save_steps", "log_steps", "keep", "validate_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is too few: at least 1")
        least = ("warmup", "decay", "weight_decay", "workers", "validate_steps", "save_minutes", "explodes", "clip")
        for name in least:
            if not getattr(self, name) >= 0:  # nor is it no number
                raise ValueError(f"{name}: {getattr(self, name)} is below 0")
        for text, rate in self.train.items():
            if not 0 <= rate < math.inf:
                raise ValueError(f"train: {text!r}: {rate} is no learning rate: give a number from 0 on")
        if self.decay and self.warmup + self.decay > self.steps:
            raise ValueError(
                f"warmup: {self.warmup} and decay: {self.decay} are more than steps: {self.steps}, and the rate would "
                "fall at once: set fewer, or decay=0"
            )
        if not all(self.validate.rpartition("/")):
            raise ValueError(f"validate: {self.validate!r} is no BENCHMARK/SPLIT: write, for example, refcoco/val")


def deepspeed_settings(recipe: Recipe, learn: int = BUCKET) -> dict[str, Any]:
    """The recipe's DeepSpeed file. ZeRO's buckets hold no more than the ``learn`` numbers that learn: DeepSpeed makes a
    whole one, of 2 GB unless it is told otherwise."""
    held: dict[str, Any] = json.loads((DEEPSPEED / f"{recipe.deepspeed}.json").read_text(encoding="utf-8"))
    zero = held.get("zero_optimization") or {}
    if zero.get("stage", 0):
        zero["reduce_bucket_size"] = min(learn, number(zero.get("reduce_bucket_size"), BUCKET))
    return held


def number(value: Any, default: int) -> int:
    """A number of a DeepSpeed file, which may leave it open."""
    return default if value in (None, "auto") else int(float(value))


def zero_stage(recipe: Recipe) -> int:
    """The ZeRO stage of the recipe's DeepSpeed file."""
    return int((deepspeed_settings(recipe).get("zero_optimization") or {}).get("stage", 0))


def names() -> list[str]:
    """Every shipped recipe, as one types it ("tiny/pretrain")."""
    return sorted(str(path.relative_to(RECIPES).with_suffix("")) for path in RECIPES.rglob("*.yaml"))


def purpose(name: str) -> str:
    """What a shipped recipe is for: how the comment at its head begins."""
    head = []
    for line in (RECIPES / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("# ") or line.startswith("#   "):
            break
        head.append(line.removeprefix("# "))
    return re.split(r"[.:;]( |$)", " ".join(head), maxsplit=1)[0]


def find(recipe: str) -> Path:
    """The file of a recipe given by its name or its path.

    Raises:
        ValueError: there is none.
    """
    for path in (Path(recipe), RECIPES / f"{recipe}.yaml"):
        if path.is_file() and path.suffix in (".yaml", ".yml"):
            return path
    near = difflib.get_close_matches(recipe, names(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known recipes: {', '.join(names())}"
    raise ValueError(f"no recipe {recipe!r}: {hint}")


def load(recipe: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply ``key=value`` overrides (``a.b=value`` reaches into a mapping; values are YAML).

    Where ``steps`` is replaced by fewer than the file's warm-up and decay take together, and neither of these is
    replaced, both shrink in proportion until they fill the run.

    Raises:
        ValueError: no such recipe, broken YAML, an unknown key, a wrong type, or an override that is not key=value.
    """
    path = find(recipe)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: a recipe is keys and values")
    for text in overrides:
        _override(values, text)
    replaced = {text.partition("=")[0] for text in overrides}
    if "steps" in replaced and not replaced & {"warmup", "decay"}:
        _shrink(values)
    return build(Recipe, values, str(path))


def _override(values: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"{text!r}: write overrides as key=value, for example steps=200")
    *parents, last = key.split(".")
    for parent in parents:
        inner = values.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ValueError(f"{text!r}: {parent!r} holds no keys of its own")
        values = inner
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r}: the value is not valid YAML") from error


def _shrink(values: dict[str, Any]) -> None:
    """Fit warm-up and decay into fewer steps; what is no whole number is told of later."""
    given = values.get("steps"), values.get("warmup", Recipe.warmup), values.get("decay", Recipe.decay)
    if not all(type(value) is int and value >= 0 for value in given):
        return
    steps, warmup, decay = given
    if decay and warmup + decay > steps:
        values["warmup"] = steps * warmup // (warmup + decay)
        values["decay"] = steps - values["warmup"]
        log.info(
            "%d steps have no room for warmup %d and decay %d: %d and %d",
            steps,
            warmup,
            decay,
            values["warmup"],
            values["decay"],
        )
