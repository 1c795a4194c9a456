"""A model card: what a checkpoint is, how it was trained, and how it is asked, as the hub reads it."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import yaml

from model import config as configs
from model.config import ModelConfig
from train.saving import last_checkpoint

MARK = "<!-- Written by `pinpoint push`; without this line it is left as it is. -->"
RUN = ".run"  # what is known of the run, in a checkpoint that lies elsewhere; hidden files are not uploaded
TAGS = ["reasoning-segmentation", "referring-expression-segmentation"]


def card(folder: Path, run: Path | None, repository: str, licence: str | None = None) -> str:
    """The text of a card.

    Args:
        folder: the checkpoint.
        run: the folder of the run that made it, with ``recipe.yaml`` and ``run.json``, or what :func:`keep` has kept of
            one; None if it is not known.
        repository: OWNER/NAME on the hub.
        licence: as the hub names it; left out if None, as nothing here can know it.

    Raises:
        ValueError: the folder is no checkpoint.
    """
    config = configs.read(folder / "config.json")
    head: dict[str, Any] = {"library_name": "pinpoint", "pipeline_tag": "image-segmentation"}
    head["tags"] = [*TAGS, config.backbone.family, config.segmenter.family]
    if licence:
        head["license"] = licence
    name = repository.rpartition("/")[2]
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False).strip()}\n---\n{MARK}",
        f"# {name}",
        "A Pinpoint model: it answers a question about a picture in words, with an exact mask of each thing that it "
        "names, or says that a thing is not there.",
        _table(_model(config, folder)),
        f"## Use\n\n```\nhf download {repository} --local-dir {name}\n"
        f'pinpoint ask PICTURE "Where is the red cup?" --checkpoint {name}\n```',
    ]
    made = {} if run is None else _training(run)
    if made:
        parts.append(f"## Training\n\n{_table(made)}")
    return "\n\n".join(parts) + "\n"


def write(folder: Path, text: str) -> bool:
    """Put the card into the checkpoint; returns whether one that a person wrote was there and stays."""
    path = folder / "README.md"
    if path.is_file() and MARK not in path.read_text(encoding="utf-8"):
        return True
    path.write_text(text, encoding="utf-8")
    return False


def keep(run: Path, saved: Path, step: int, folder: Path) -> None:
    """Note in a checkpoint which run made it, for a card written when the run is gone.

    Args:
        run: its folder.
        saved: the state that the checkpoint was made of.
        step: of that state.
        folder: the checkpoint.
    """
    own = folder / RUN
    own.mkdir(exist_ok=True)
    shutil.copyfile(run / "recipe.yaml", own / "recipe.yaml")
    facts = {**_read(run / "run.json"), "step": step, "processes": _processes(saved)}
    (own / "run.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _processes(saved: Path) -> int | None:
    """How many processes wrote a saved state: each has left its random state. None if that is not there."""
    return len(list(saved.glob("rng_state*.pth"))) or None


def _model(config: ModelConfig, folder: Path) -> dict[str, str]:
    text, vision = (config.backbone.options.get(part, {}) for part in ("text", "vision"))
    width, depth = text.get("hidden_size", "?"), text.get("num_hidden_layers", "?")
    drawer = ", ".join(f"{key} {value}" for key, value in config.segmenter.options.items() if key in ("width", "depth"))
    family, tower = config.backbone.family, vision.get("model_type")
    made = {
        "language model": f"{text.get('model_type') or family}, {depth} layers of width {width} ({family})",
        "sees": f"{tower or f'a tower of {family}'} {_input(config)}",
        "draws": config.segmenter.family + (f" ({drawer})" if drawer else ""),
        "prompts": ", ".join(config.channels) or "none",
        "layers": f"{config.layer.policy}, for {config.layer.layer_for}",
        "parameters": f"{sum(_counts(path) for path in folder.rglob('*.safetensors')):,}",
    }
    return {**made, "behaviour": f"as {config.published} published it"} if config.published else made


def _input(config: ModelConfig) -> str:
    """At what size the tower sees pictures."""
    options = config.backbone.options
    if options.get("input_size") or options.get("square"):
        return f"at {options.get('input_size') or options['square']} pixels"
    return f"at each picture's own shape, up to {options['max_pixels']:,} pixels" if "max_pixels" in options else ""


def _counts(path: Path) -> int:
    """How many numbers a file of weights holds, by its header."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in list(file.keys()))
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} is damaged: it must not be uploaded") from error


def _training(run: Path) -> dict[str, str]:
    """What the run's own files say of it; nothing of what they do not."""
    recipe = _read(run / "recipe.yaml")
    facts = _read(run / "run.json")
    options = recipe.get("options") or {}
    step, processes = facts.get("step"), facts.get("processes")
    saved, newest = last_checkpoint(run)
    if saved is not None:  # the model is renewed with each
        step, processes = newest, _processes(saved)
    images = recipe.get("batch", 1) * recipe.get("accumulate", 1) * (processes or recipe.get("processes", 1))
    lora = recipe.get("lora") or {}
    data = options.get("data")
    made = {
        "began with": recipe.get("init"),
        "learned from": ", ".join(f"{name} {weight:g}" for name, weight in data.items()) if data else None,
        "steps": None if step is None else f"{step:,} of {images} images",
        "steps of the recipe": _asked(recipe.get("steps"), step, images),
        "learning rates": ", ".join(f"`{part}` {rate:g}" for part, rate in (recipe.get("train") or {}).items()),
        "adapters": f"rank {lora.get('rank')}, alpha {lora.get('alpha')}, merged" if lora else None,
        "seed": recipe.get("seed"),
        "commit": facts.get("commit"),
        "versions": ", ".join(f"{name} {number}" for name, number in (facts.get("versions") or {}).items()),
    }
    return {key: str(value) for key, value in made.items() if value not in (None, "")}


def _asked(steps: int | None, step: int | None, images: int) -> str | None:
    """What the recipe asks for, where it is not known, or is not so, that the model has done as much."""
    if steps is None or steps == step:
        return None
    return f"{steps:,}" if step is not None else f"{steps:,} of {images} images"


def _read(path: Path) -> Mapping[str, Any]:
    """A mapping from a JSON or YAML file; empty if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}


def _table(rows: Mapping[str, str]) -> str:
    shown = (f"| {key} | {value.replace('|', chr(92) + '|')} |" for key, value in rows.items())
    return "\n".join(["| | |", "|---|---|", *shown])
