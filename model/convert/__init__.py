"""Conversion of released checkpoints into ours: one file a system, found by its name."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from data.settings import build
from model.convert._convert import SPARE, Report, Sources, check_target, run
from model.convert._keys import Place, place, plain
from model.convert._templates import template
from model.segmenters.sam import Options as SamOptions

__all__ = ["SPARE", "Report", "available", "check_target", "convert", "destination", "load", "template"]


def available() -> list[str]:
    """Names of the systems, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> ModuleType:
    """The module of a system.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in available():
        raise ValueError(f"no system {name!r} can be converted: there are {', '.join(available())}")
    return importlib.import_module(f"{__name__}.{name}")


def destination(name: str) -> str | None:
    """The parameter of a :class:`~model.grounding.GroundingModel` that a released weight becomes; None if none."""
    found = place(plain(name))
    if not isinstance(found, Place):
        return None
    return f"backbone.llava.{found.name}" if found.part == "backbone" else f"{found.part}.{found.name}"


def convert(
    system: str,
    source: Path,
    target: Path,
    *,
    base: Path | None = None,
    clip: Path | None = None,
    sam: Path | None = None,
    sam_options: SamOptions | None = None,
    settings: Mapping[str, Any] | None = None,
    check: bool = False,
) -> Report:
    """Turn a released checkpoint into a folder that ``GroundingModel.from_pretrained`` reads.

    Weights keep their dtype. Everything is checked before anything is written, weights are read and written one at a
    time, and the folder appears complete or not at all.

    Args:
        system: which one has released it.
        source: its folder, or a single file of weights.
        target: the folder to make; it must not exist yet, or be empty.
        base: folder of the model that it was trained from: for the configuration, the tokenizer and the weights that
            the release lacks.
        clip: folder of the CLIP whose vision tower it uses, if the release lacks it; its ``config.json`` counts in any
            case.
        sam: file of SAM's weights, if the release lacks them.
        sam_options: sizes of a SAM that is none of the released three.
        settings: of the system: what its checkpoint does not tell (the ``Settings`` of its file here).
        check: read the result again and compare every number before the folder appears.

    Raises:
        ValueError: what was given cannot be converted; one line says what, where, and what to do.
        OSError: a file cannot be read or written.
    """
    module = load(system)
    traits = module.traits(build(module.Settings, settings, f"settings of {system}"))
    return run(traits, Sources(source, base, clip, sam, sam_options), target, check)
