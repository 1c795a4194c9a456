"""Recipes: one commented YAML file says everything about a training run.

``pinpoint train tiny/pretrain steps=200`` reads ``train/recipes/tiny/pretrain.yaml``, applies the overrides and checks
every key and type before anything heavy starts.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from data.settings import build

RECIPES = Path(__file__).parent / "recipes"
DEEPSPEED = Path(__file__).parent / "deepspeed"


@dataclass(frozen=True)
class Lora:
    """Adapters on the language model's projections (Hu et al. 2021); merged into the weights when the run ends."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        objective: a file of :mod:`train.objectives`.
        options: the settings of that objective, typed by its ``Options``.
        init: a preset of :mod:`model.presets`, or a Pinpoint checkpoint folder.
        take: parts loaded over ``init``: {"segmenter": FOLDER}; parts are segmenter, tower, backbone and channels.
        tokenizer_texts: how many texts of the world the tokenizer is trained on when ``init`` is a preset (0: none are
            needed, the stage reads no text).
        tokenizer_vocabulary: its size.
        out: the run's folder; the finished checkpoint is OUT/model.
        train: regular expression over parameter names -> learning rate; what none matches is frozen.
        lora: adapters, or none.
        steps, batch, accumulate: optimizer steps, images a step and process, micro-batches a step.
        warmup, decay: steps of linear warm-up and of the final decay to zero (between them the rate is constant, so
            that a run can be continued by giving it more steps).
        precision: "bf16" (autocast) or "fp32".
        deepspeed: a file of train/deepspeed.
        processes: how many processes the launcher starts.
        save_steps, keep: how often a resumable checkpoint is written and how many are kept.
    """

    objective: str
    init: str
    out: str
    train: dict[str, float]
    steps: int
    batch: int
    options: dict[str, Any] = field(default_factory=dict)
    take: dict[str, str] = field(default_factory=dict)
    tokenizer_texts: int = 20000
    tokenizer_vocabulary: int = 2048
    lora: Lora | None = None
    accumulate: int = 1
    warmup: int = 50
    decay: int = 0
    weight_decay: float = 0.05
    clip: float = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"
    seed: int = 0
    first: int = 0
    workers: int = 1
    processes: int = 1
    deepspeed: str = "zero0"
    save_steps: int = 200
    log_steps: int = 10
    keep: int = 1


def names() -> list[str]:
    """Every shipped recipe, as one types it ("tiny/pretrain")."""
    return sorted(str(path.relative_to(RECIPES).with_suffix("")) for path in RECIPES.rglob("*.yaml"))


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
