"""The configuration of a model: which parts, of which sizes. Presets are YAML files in model/presets."""

import dataclasses
import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from data.settings import build

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
        layer: which layer speaks: "last" or an index.
        map_scale: k in the logits k (m - 0.5) by which a similarity map is supervised.
        max_new_tokens: where an answer is cut.
    """

    backbone: Part
    segmenter: Part
    channels: dict[str, dict[str, Any]]
    layer: str | int = "last"
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
    path = PRESETS / f"{name}.yaml"
    return build(ModelConfig, yaml.safe_load(path.read_text(encoding="utf-8")), str(path))


def read(path: Path) -> ModelConfig:
    """The configuration in a checkpoint's ``config.json``.

    Raises:
        ValueError: it is missing, not JSON, or holds other keys.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} is no checkpoint: it has no {path.name}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: the checkpoint is damaged, fetch it again") from error
    return build(ModelConfig, values, str(path))


def write(config: ModelConfig, path: Path) -> None:
    """Write a configuration as JSON."""
    path.write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n", encoding="utf-8")
