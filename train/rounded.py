"""A base in 4 bits (QLoRA: Dettmers et al. 2023): the language model's layers are rounded as they are read and stay as
they are; adapters beside them learn.

What is rounded is never saved. A run that goes on rounds it again from where it began, and its checkpoints are made of
the weights as they were before.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from torch import nn

from model.config import presets
from model.grounding import GroundingModel
from model.placement import Placement
from train import lora
from train.recipe import Lora, Recipe, zero_stage

# Bytes a weight takes: two in a byte, a byte of scale for 64, and a float32 for 256 of these scales.
BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)


def check(recipe: Recipe) -> None:
    """See that a recipe can train on a rounded base.

    Raises:
        ValueError: it cannot, or this machine lacks the package.
    """
    if recipe.bits is None:
        return
    if recipe.lora is None:
        raise ValueError("bits: rounded weights do not learn: give lora, whose adapters do")
    if recipe.precision == "bf16" and recipe.frozen != "bf16":
        raise ValueError("bits: with precision bf16 what is not rounded is held in it, too: set frozen: bf16")
    if "backbone" in recipe.take:
        raise ValueError("take: with bits the backbone is rounded as it is read: name its folder as init")
    if zero_stage(recipe) == 3:
        raise ValueError("bits: ZeRO stage 3 cannot divide rounded weights: set deepspeed: zero2, or a lower stage")
    try:
        Placement(bits=recipe.bits).check()
    except ValueError as error:
        raise ValueError(f"bits: {error}") from error


def check_start(recipe: Recipe) -> None:
    """See that what is rounded is worth it; a dry run needs no weights, and reckons with a preset.

    Raises:
        ValueError: the run would begin with random weights.
    """
    if recipe.bits is not None and recipe.init in presets():
        raise ValueError(f"bits: {recipe.init} has random weights, which are not rounded: name a checkpoint as init")


def names(module: nn.Module, model: GroundingModel) -> Collection[str]:
    """The parameters of ``module`` that bits round, by their names in it: the projections of the language model's
    layers, which may have adapters.

    Args:
        module: that has ``model`` in it.
        model: rounded, or in shapes alone.
    """
    rounds = _pattern(model)
    return {name for name, _ in module.named_parameters() if rounds.search(name)}


def leave_out(model: GroundingModel) -> None:
    """From now on a state of ``model`` has nothing of the rounded layers, and loading one misses nothing."""
    rounds = _pattern(model)

    def unsaved(_: nn.Module, state: dict[str, Any], __: str, ___: Any) -> None:
        for key in [key for key in state if rounds.search(key)]:
            del state[key]

    def unmissed(_: nn.Module, keys: Any) -> None:
        keys.missing_keys[:] = [key for key in keys.missing_keys if not rounds.search(key)]

    model.register_state_dict_post_hook(unsaved)
    model.register_load_state_dict_post_hook(unmissed)


def _pattern(model: GroundingModel) -> re.Pattern[str]:
    """Finds a rounded weight and what is stored beside it: its scales, their scales and the table of 16 values."""
    return re.compile(rf"backbone\.{model.backbone.lora_targets()}(\.base_layer)?\.weight(\.|$)")


def restored(model: GroundingModel, adapters: Lora, read: Callable[[], GroundingModel]) -> GroundingModel:
    """What ``model`` has learned, on the weights as they were before they were rounded: in main memory.

    Args:
        model: with ``adapters``.
        adapters: its own.
        read: the model that the run began with, not rounded, and with all that its objective begins.
    """
    made = read()
    lora.attach(made, adapters)
    unknown = made.load_state_dict(model.state_dict(), strict=False).unexpected_keys
    assert not unknown, f"{unknown[0]} was learned and would be lost"
    return made


def unrounded(recipe: Recipe) -> Recipe:
    """The same run, its base as it is stored."""
    return replace(recipe, bits=None)
