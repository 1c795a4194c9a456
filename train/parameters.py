"""Which parameters learn, and how fast: regular expressions over their names."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from torch import nn


def select(model: nn.Module, rates: Mapping[str, float], fixed: Collection[str] = ()) -> dict[str, str]:
    """Freeze what no expression matches.

    Args:
        model: its parameters' ``requires_grad`` is set. It may have ``unreached()``, names of those that its loss does
            not reach -> why, and what to do: weight decay alone would shrink them.
        rates: expression -> learning rate; the first one that is found in a name decides.
        fixed: names of those that cannot learn, because they are rounded.

    Returns:
        Name of each trained parameter -> the expression that chose it.

    Raises:
        ValueError: an expression is not one, or matches nothing, or one that is fixed or not reached; or there are
            adapters, and no expression matches them.
    """
    try:
        compiled = {text: re.compile(text) for text in rates}
    except re.error as error:
        raise ValueError(f"train: {error.pattern!r} is not a regular expression ({error})") from error
    unreached: Mapping[str, str] = model.unreached() if hasattr(model, "unreached") else {}  # type: ignore[operator]
    chosen: dict[str, str] = {}
    for name, parameter in model.named_parameters():
        match = next((text for text, pattern in compiled.items() if pattern.search(name)), None)
        if match is not None and name in fixed:
            raise ValueError(f"train: {match!r} matches {name}, whose rounded bits do not learn: name 'lora_' there")
        if match is not None and name in unreached:
            raise ValueError(f"train: {match!r} matches {name}, which {unreached[name]}")
        parameter.requires_grad_(match is not None)
        if match is not None:
            chosen[name] = match
    for text in rates:
        if text not in chosen.values():
            raise ValueError(f"train: {text!r} matches no parameter, or only such as an earlier expression took")
    _check_adapters([name for name, _ in model.named_parameters()], chosen)
    return chosen


def _check_adapters(names: Sequence[str], chosen: Collection[str]) -> None:
    """Adapters that do not learn add nothing, whatever else does. Beside the rows of marks they may rest."""
    for part, key in (("trainable_tokens", "lora: marks"), ("lora_", "lora")):
        added = [name for name in names if part in name]
        if added and not any(name in chosen for name in added):
            raise ValueError(f"{key}: nothing in 'train' matches {added[0]}: name {part!r} there, or leave {key} out")
        if added:
            return


def groups(model: nn.Module, rates: Mapping[str, float], weight_decay: float) -> list[dict[str, Any]]:
    """Optimizer groups: one learning rate for each expression; vectors (norms, biases) do not decay."""
    chosen = select(model, rates)
    made: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if name in chosen:
            made.setdefault((chosen[name], parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": rates[text], "weight_decay": weight_decay if decays else 0.0}
        for (text, decays), parameters in made.items()
    ]


def counts(model: nn.Module) -> dict[str, tuple[int, int]]:
    """By part (the first two names of a parameter's path): how many numbers learn, of how many."""
    made: dict[str, tuple[int, int]] = {}
    for name, parameter in model.named_parameters():
        part = ".".join(name.split(".")[:2])
        learn, total = made.get(part, (0, 0))
        made[part] = (learn + parameter.numel() * parameter.requires_grad, total + numel(parameter))
    return made


def numel(parameter: nn.Parameter) -> int:
    """How many numbers it is; of one rounded to 4 bits, of which a byte holds two, too."""
    rounded = getattr(parameter, "quant_state", None)
    return parameter.numel() if rounded is None else math.prod(rounded.shape)
