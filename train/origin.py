"""What a run begins with: a checkpoint's networks, as they are or under another preset's channels and layer policy."""

import difflib
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from data.sample import REJ, SEG
from model import config as configs
from model import prompting
from model.config import ModelConfig, Part
from model.grounding import GroundingModel
from model.placement import PLAIN
from model.released import here, near, table
from model.released.pair import RECORD, find, pair
from train import rounded
from train.recipe import Recipe

PARTS = ("segmenter", "channels", "backbone", "tower")  # that may be taken


def folder(name: str) -> Path:
    """The folder of a checkpoint by its path, or of a release that was downloaded by its name; BACKBONE+SEGMENTER is
    one of two released networks, each a folder or a name (:mod:`model.released.pair`).

    Raises:
        ValueError: it is not there.
    """
    found = here(name)
    if found is None or (found / RECORD).is_file():  # it is made anew if its parts have changed
        for backbone, segmenter in splits(name):
            return pair(find(backbone, "backbone"), find(segmenter, "segmenter"))
    if found is not None:
        return found
    release = table().releases.get(name)
    if release is not None and not release.is_part:
        raise ValueError(f"{name} is not here yet: run `pinpoint download {name}` first")
    close = near(name) if "/" not in name else None
    raise ValueError(
        f"{name!r} is neither a preset ({', '.join(configs.presets())}) nor a checkpoint: "
        + (f"did you mean {close!r}? " if close else "")
        + "Run the recipe before this one, or name a folder that holds config.json, or BACKBONE+SEGMENTER"
    )


def splits(name: str) -> Iterator[tuple[str, str]]:
    """The ways to read a name as BACKBONE+SEGMENTER, each a release or a folder; a path may have a plus of its own."""
    for place in (index for index, sign in enumerate(name) if sign == "+"):
        parts = name[:place], name[place + 1 :]
        if all(part in table().releases or (Path(part) / "config.json").is_file() for part in parts):
            yield parts


def check(recipe: Recipe) -> None:
    """See that the keys which say what a run begins with fit together, and that it is there.

    Raises:
        ValueError: they do not, or it is not.
    """
    presets = configs.presets()
    for name in recipe.take:
        if name not in PARTS:
            close = difflib.get_close_matches(name, PARTS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(PARTS)}"
            raise ValueError(f"take: no part {name!r}: {hint}")
    own = Path(recipe.out).resolve()
    for key, where in (("init", recipe.init), *(("take", where) for where in recipe.take.values())):
        if where not in presets and folder(where).resolve().is_relative_to(own):
            raise ValueError(
                f"{key}: {where} lies in the run's own folder {recipe.out}, which it writes anew: name another out"
            )
    if recipe.preset is not None:
        configs.preset(recipe.preset)
        if recipe.init in presets:
            raise ValueError("preset: it goes with a checkpoint as init; to begin with random weights name it as init")
    if recipe.published:
        from model import convert

        if recipe.preset not in convert.available():
            raise ValueError(f"published: preset must be one of {', '.join(convert.available())}, not {recipe.preset}")
    if recipe.frozen == "bf16" and recipe.precision != "bf16":
        raise ValueError("frozen: weights in bf16 need precision: bf16")
    rounded.check(recipe)


def part(model: GroundingModel, name: str) -> nn.Module:
    """The part of a model that has this name in ``take``."""
    assert name in PARTS
    found: nn.Module = getattr(model.backbone if name == "tower" else model, name)
    return found


def configured(recipe: Recipe, held: ModelConfig) -> ModelConfig:
    """A checkpoint's configuration with the channels, the layer policy and the marks of the recipe's preset; and, where
    it is to train as was published, with that system's way to bring pictures in."""
    assert recipe.preset is not None
    chosen = configs.preset(recipe.preset)
    options, tokens = dict(held.backbone.options), held.max_new_tokens
    channels, layer, published = chosen.channels, chosen.layer, None
    if any(prompting.load(name).Channel.listens for name in channels):
        options["rej"] = chosen.backbone.options.get("rej", REJ)
        channels, tokens = heard(channels, held.channels), max(tokens, chosen.max_new_tokens)
    else:  # as the tokenizer spells them; two released networks have none
        options["seg"] = options.get("seg", SEG) or SEG
        options["rej"] = chosen.backbone.options.get("rej", REJ) and (options.get("rej", REJ) or REJ)
    if recipe.published:
        from model import convert

        module = convert.load(recipe.preset)
        traits = module.traits(module.Settings())
        options |= traits.image
        channels, layer, published = traits.channels, traits.layer, traits.name
    return replace(
        held,
        backbone=Part(held.backbone.family, options),
        channels=channels,
        layer=layer,
        published=published,
        max_new_tokens=tokens,
    )


def heard(channels: Mapping[str, dict[str, Any]], held: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The channels of a preset that hears coordinates; what they count is the model's own, whatever the preset says."""
    own = {name: {key: values[key] for key in ("frame",) if key in values} for name, values in held.items()}
    return {name: {**values, **own.get(name, {})} for name, values in channels.items()}


def read(recipe: Recipe) -> GroundingModel:
    """The model of a checkpoint, its backbone in what frozen weights are held in: on the CPU, or, if it is rounded, on
    this process's GPU, where it is never whole before.

    Raises:
        ValueError: it is not there, or damaged.
    """
    change = None if recipe.preset is None else functools.partial(configured, recipe)
    placement = PLAIN if recipe.frozen == "fp32" else replace(PLAIN, precision="bfloat16")
    if recipe.bits is not None:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
        placement = replace(placement, bits=recipe.bits, device=device)
    return GroundingModel.from_pretrained(folder(recipe.init), placement, change=change)


def frozen(model: GroundingModel) -> Iterable[nn.Parameter]:
    """The parameters that ``Recipe.frozen`` is about: those of the backbone and of the segmenter's encoder that do not
    learn. What remains is small, and places points."""
    for part in (model.backbone, model.segmenter.encoder):
        yield from (parameter for parameter in part.parameters() if not parameter.requires_grad)


def hold(model: GroundingModel, recipe: Recipe) -> None:
    """Put what learns into float32, however it was read, and what does not into what the recipe says. Call it when it
    is known which learns."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if recipe.frozen == "bf16":
        for parameter in frozen(model):
            if parameter.is_floating_point():  # rounded weights are bytes
                parameter.data = parameter.data.to(torch.bfloat16)
