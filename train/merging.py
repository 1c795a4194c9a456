"""From a run's saved state to a plain checkpoint: the weights are put together from any ZeRO stage, adapters merged."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

from data.settings import build
from model.convert import check_target
from train import card, lora, objectives, origin, rounded
from train.parameters import select
from train.recipe import load
from train.run import start
from train.saving import last_checkpoint


def merge(run: Path, out: Path, step: int | None = None, dtype: torch.dtype | None = None) -> int:
    """Write the model of a run's saved state to a folder that ``GroundingModel.from_pretrained`` reads.

    Args:
        run: the run's folder.
        out: the folder to make; it must not exist yet, or be empty.
        step: of the saved state; the newest if None.
        dtype: to store the weights in; as they are held in training if None.

    Returns:
        The step.

    Raises:
        ValueError: the run has no such state, it is incomplete, or what the run began with is gone.
    """
    check_target(out)
    if not (run / "recipe.yaml").is_file():
        raise ValueError(f"{run} is no run: it has no recipe.yaml; name the folder that the recipe's 'out' names")
    # A run may be older than what is asked of a schedule now, and is not to learn here.
    recipe = rounded.unrounded(load(str(run / "recipe.yaml"), ["decay=0"]))
    saved, step = find(run, step)
    model = start(recipe)
    if recipe.lora is not None:
        lora.attach(model, recipe.lora)
    module = objectives.load(recipe.objective)
    objective = module.Objective(model, build(module.Options, recipe.options, "options"))
    learn = set(select(objective, recipe.train))
    origin.hold(model, recipe)
    held = weights(saved)
    lacks = sorted(learn - held.keys())
    if lacks:
        raise ValueError(f"{saved} lacks {lacks[0]}, which the run's recipe trains: it is not of this recipe")
    try:
        unknown = objective.load_state_dict(held, strict=False).unexpected_keys
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(f"{saved} does not fit the run's recipe: {'; '.join(lines)[:300]}") from error
    if unknown:
        raise ValueError(f"{saved} holds {unknown[0]}, which the run's recipe does not have: it is not of this recipe")
    lora.merged(model, keep=False).save_pretrained(out, dtype)
    card.keep(run, saved, step, out)
    return step


def find(run: Path, step: int | None = None) -> tuple[Path, int]:
    """The folder of a run's saved state, and its step.

    Raises:
        ValueError: there is none, or none of that step.
    """
    newest, at = last_checkpoint(run)
    if newest is None:
        raise ValueError(f"{run} has no complete saved state in {run / 'checkpoints'}: train it first")
    if step is None or step == at:
        return newest, at
    asked = run / "checkpoints" / f"checkpoint-{step}"
    if not (asked / "trainer_state.json").is_file():
        raise ValueError(f"{run} has no complete saved state of step {step}; the newest is of step {at}")
    return asked, step


def weights(saved: Path) -> dict[str, torch.Tensor]:
    """The weights of one saved state by name; those that do not learn may be missing.

    At stages 0 to 2 every process holds the whole module, so the first one's file has all of it. What ZeRO optimises is
    taken from its float32 copies, put together from all processes; at stage 3 these and the pieces of the frozen
    weights are all there is. DeepSpeed's own script would lose the frozen weights of stage 1.

    Raises:
        ValueError: a file is missing or damaged.
    """
    try:
        tag = (saved / "latest").read_text(encoding="utf-8").strip()
        whole = saved / tag / "mp_rank_00_model_states.pt"
        pieces = sorted((saved / tag).glob("*_optim_states.pt"))
        made: dict[str, torch.Tensor] = {}
        if whole.is_file():
            made |= _module(_pickled(whole))
        elif not pieces:
            raise FileNotFoundError(f"no {whole.name}")
        if pieces:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # it reports
                made |= get_fp32_state_dict_from_zero_checkpoint(
                    str(saved), tag, exclude_frozen_parameters=whole.is_file()
                )
        return made
    except Exception as error:  # a damaged file makes pickle raise nearly anything
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{saved} is damaged or incomplete ({reason[:200]}): give another --step") from error


def _pickled(path: Path) -> Mapping[str, Any]:
    """DeepSpeed stores objects of its own beside the tensors; the file is the run's own."""
    held: Mapping[str, Any] = torch.load(path, map_location="cpu", mmap=True, weights_only=False)
    return held


def _module(held: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in held["module"].items() if isinstance(value, torch.Tensor)}
