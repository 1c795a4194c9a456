"""A folder of published outputs: one folder a system, with ``config.json`` (sizes), ``weights_spec.json`` (weights by a
formula), and a safetensors file for each case: inputs ``in.*``, outputs ``out.*``, gradients ``grad.*``, the rest in
its metadata. Pictures are formulas, too.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch

IMAGE = -200  # stands for the picture among token ids
INPUTS = ("in.input_ids", "in.orig_sizes", "in.tags")
CONFIG = (
    "llama",
    "clip",
    "sam",
    "seg_token_idx",
    "im_start",
    "im_end",
    "mm_projector",
    "mm_vision_select_layer",
    "mm_vision_select_feature",
    "mm_use_im_start_end",
    "out_dim",
    "loss_weights",
)
FORCED = ("in.labels", "in.attention_masks", "in.offset")
SYSTEMS = {"LISA": "lisa", "GSVA": "gsva", "READ": "read", "UGround": "uground"}


@dataclass(frozen=True)
class Case:
    """One run of the published code: its name, its tensors, and the other facts of it."""

    name: str
    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(H, W) of each picture."""
        return [(height, width) for height, width in self.tensors["in.orig_sizes"].tolist()]

    @property
    def generated(self) -> bool:
        """Whether the answer was written freely; else it was given."""
        return self.name.startswith("evaluate")

    def numbered(self, name: str) -> Iterator[tuple[int, torch.Tensor]]:
        """The tensors ``name.0``, ``name.1``, ... with their numbers."""
        number = 0
        while f"{name}.{number}" in self.tensors:
            yield number, self.tensors[f"{name}.{number}"]
            number += 1


@dataclass(frozen=True)
class System:
    """A published system's folder: its name in our code, its sizes, and its cases by file name."""

    name: str
    folder: Path
    config: dict[str, Any]
    cases: list[Path]


def systems(folder: Path) -> list[System]:
    """The systems of a folder.

    Raises:
        ValueError: there is none, or its files cannot be read.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name in SYSTEMS and (path / "config.json").is_file():
            config = _json(path / "config.json")
            lacks = [key for key in CONFIG if key not in config]
            if lacks:
                raise ValueError(f"{path / 'config.json'} lacks {', '.join(lacks)}")
            found.append(System(SYSTEMS[path.name], path, config, sorted(path.glob("*.safetensors"))))
    if not any(system.cases for system in found):
        raise ValueError(
            f"no case in {folder}: expected folders {', '.join(SYSTEMS)}, each with config.json, weights_spec.json and "
            "*.safetensors"
        )
    return found


def read(path: Path) -> Case:
    """A case.

    Raises:
        ValueError: the file is damaged, or lacks an input.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("meta", "{}"))
            names = list(file.keys())
            made = Case(path.stem, {name: file.get_tensor(name) for name in names}, facts)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
    needed = INPUTS if made.generated else (*INPUTS, *FORCED)
    lacks = [name for name in needed if name not in made.tensors]
    if lacks or (made.generated and "max_new_tokens" not in made.facts):
        raise ValueError(f"{path} is no case: it lacks {', '.join(lacks) or 'max_new_tokens in its metadata'}")
    ids = made.tensors["in.input_ids"]
    if ids.ndim != 2 or not ((ids == IMAGE).sum(dim=1) == 1).all():
        raise ValueError(f"{path} is no case: in.input_ids must have one {IMAGE}, the picture's place, in each row")
    return made


def weights(system: System) -> dict[str, torch.Tensor]:
    """All weights, float32, by their published names: ``base + q 2^-k``, q drawn for each name by its own seed. What
    the published code builds for itself (rotary frequencies, position numbers) is left out."""
    made = {}
    path = system.folder / "weights_spec.json"
    for name, spec in _json(path).items():
        if (
            not isinstance(spec, dict)
            or "kind" not in spec
            or (spec["kind"] == "q" and not {"shape", "k"} <= set(spec))
        ):
            raise ValueError(f"{path}: {name} is no formula of a weight: expected kind, shape, base and k")
        if spec["kind"] == "q":
            draws = np.random.RandomState(zlib.crc32(name.encode())).randint(
                -127, 128, size=int(np.prod(spec["shape"]))
            )
            steps = draws.reshape(spec["shape"]).astype(np.float32)
            made[name] = torch.from_numpy(np.float32(spec["base"]) + steps * np.float32(2.0 ** -spec["k"]))
    return made


def picture(height: int, width: int, tag: int) -> torch.Tensor:
    """The picture of a tag, ``(3, height, width)`` uint8; another size is another picture, not a resized one."""
    rows, columns = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    channel = torch.arange(3)[:, None, None]
    waves = (columns**2 * 3 + rows**2 * 5 + columns * rows * (2 + channel)) // 61
    stripes = (columns // 9) * 41 * (1 + channel) + (rows // 7) * 29 + 17 * tag * (channel + 1)
    checks = ((columns // 32 + rows // 24 + tag) % 3) * 57
    return ((waves + stripes + checks) % 256).to(torch.uint8)


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected keys and values")
    return values
