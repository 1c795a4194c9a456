"""Whole runs of a tiny model in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import safetensors.torch
import torch
import yaml

from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
RECIPE = {
    "objective": "grounding",
    "options": {"conversations": 2, "images": 2, "masks": 2, "corrected": 0.5},
    "train": {r"^model\.backbone\.": 1e-3, r"^model\.channels\.": 1e-3, r"^model\.segmenter\.(mask|prompt)": 1e-3},
    "batch": 2,
    "warmup": 1,
    "precision": "fp32",
    "workers": 0,
    "log_steps": 1,
    "save_steps": 2,
    "steps": 4,
}
# Sums over several threads differ in their last digits.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
LAUNCHER = [sys.executable, "-c", "import sys; from train.launch import main; sys.exit(main(sys.argv[1:]))"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def begin(folder: Path, recipe: dict[str, object] = RECIPE, start: Path | None = None, **changes: object) -> Path:
    """A recipe's file; unless a start is given, it trains a checkpoint of random weights that is made with these
    ``changes``."""
    if start is None:
        start = folder / "start"
        if not start.exists():
            tiny.model(**changes).save_pretrained(start)
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe, "init": str(start), "out": str(folder / "out")}))
    return path


def launched(recipe: Path, *overrides: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A run through the launcher."""
    return checked([*LAUNCHER, str(recipe), *overrides], code=code)


def alone(
    recipe: Path, port: int, *overrides: str, before: str = "", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """A run of one process without the launcher; ``before`` is Python that it runs first."""
    run = 'import runpy\nrunpy.run_module("train.run", run_name="__main__")'
    words = [sys.executable, "-c", f"{before}\n{run}", str(recipe), *overrides]
    place = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return checked(words, {**ENVIRONMENT, **place}, code)


def checked(
    words: list[str], environment: dict[str, str] = ENVIRONMENT, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """A command that has ended as it should."""
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == code, (done.returncode, done.stderr[-3000:])
    return done


def lines(out: Path, name: str = "loss") -> dict[int, dict[str, float]]:
    """What a run logged, by step; of a step logged twice the last."""
    rows = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return {row["step"]: row for row in rows if name in row}


def weights(out: Path) -> dict[str, torch.Tensor]:
    """All tensors of the usable checkpoint of a run, or of a checkpoint folder."""
    folder = out / "model" if (out / "model").is_dir() else out
    made = {}
    for path in sorted(folder.rglob("*.safetensors")):
        made |= {f"{path.name}/{k}": v for k, v in safetensors.torch.load_file(path).items()}
    return made


def astray(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor], most: float = 0.0) -> list[str]:
    """Names of tensors that differ by more than ``most``."""
    assert one.keys() == two.keys()
    far = {name: float((value.float() - two[name].float()).abs().max()) for name, value in one.items()}
    return [name for name, value in far.items() if not value <= most]  # not a number is astray
