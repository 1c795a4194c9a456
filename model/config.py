"""The configuration of a model: which parts, of which sizes. Presets are YAML files in model/presets."""

import dataclasses
import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from data.sample import REJ, SEG
from data.settings import build
from model import policy

MARKS = (("seg", SEG), ("rej", REJ))  # a backbone's options, and what they are where it does not say
PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Part:
    """A backbone or a segmenter: a file of its package, and options typed by that file's ``Options``."""

    family: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelConfig:
    """A grounding model.

    Attributes:
        backbone, segmenter: the parts.
        channels: prompting channels by name, each with its options; their prompts are joined in this order.
        layer: which of the language model's layers speaks.
        published: the system whose published behaviour is kept, faults included (see model/published.py); no preset of
            our own sets it, conversion does.
        map_scale: k in the logits k (m - 0.5) by which a similarity map is supervised.
        max_new_tokens: where an answer is cut.
    """

    backbone: Part
    segmenter: Part
    channels: dict[str, dict[str, Any]]
    layer: policy.Options = field(default_factory=policy.Options)
    published: Literal["lisa", "gsva", "read", "uground"] | None = None
    map_scale: float = 10.0
    max_new_tokens: int = 160


def presets() -> list[str]:
    """Names of the presets that ship."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def preset(name: str) -> ModelConfig:
    """The configuration of a preset.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in presets():
        near = difflib.get_close_matches(name, presets(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(presets())}"
        raise ValueError(f"no preset {name!r}: {hint}")
    return build(ModelConfig, _values(name), str(PRESETS / f"{name}.yaml"))


def _values(name: str) -> dict[str, Any]:
    """A preset's keys; those of its ``base`` hold where it has none of its own, the options of a part one by one unless
    it names a family."""
    values: dict[str, Any] = yaml.safe_load((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))
    base = values.pop("base", None)
    if base is None:
        return values
    below = _values(base)
    for part in ("backbone", "segmenter"):
        chosen = values.pop(part, {})
        if "family" in chosen:
            below[part] = chosen
        else:
            below[part] = {**below[part], "options": {**below[part]["options"], **chosen.get("options", {})}}
    return {**below, **values}


def with_vocabulary(config: ModelConfig, tokens: int) -> ModelConfig:
    """The configuration with a language model that knows at least so many ``tokens``."""
    text = config.backbone.options["text"]
    text = {**text, "vocab_size": max(tokens, text.get("vocab_size", 0))}
    return dataclasses.replace(config, backbone=Part(config.backbone.family, {**config.backbone.options, "text": text}))


def new_marks(held: ModelConfig, made: ModelConfig) -> list[str]:
    """The marks, as a tokenizer spells them, that a model made of another has and that one had not."""
    before, now = (([each.backbone.options.get(key, mark) for key, mark in MARKS]) for each in (held, made))
    return [new for old, new in zip(before, now, strict=True) if old is None and new is not None]


def read(path: Path) -> ModelConfig:
    """The configuration in a checkpoint's ``config.json``.

    Raises:
        ValueError: it is missing, not JSON, or holds other keys.
    """
    return build(ModelConfig, read_json(path), str(path))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a checkpoint, ours or another's.

    Raises:
        ValueError: it is missing, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} is no checkpoint: it has no {path.name}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: it is damaged, fetch it again") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected keys and values, found a {type(values).__name__}: fetch it again")
    return values


def write(config: ModelConfig, path: Path) -> None:
    """Write a configuration as JSON."""
    path.write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n", encoding="utf-8")
