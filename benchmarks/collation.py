"""Samples a second from files to a training batch at SAM's 1024 x 1024 on one core, and where the time goes.

python -m benchmarks.collation [ROOT]

Reads every dataset of the trees under ROOT, or, without one, pictures of 640 x 480 that it makes, each with eight
things in polygons. What is timed is what a data worker of ``pinpoint train`` runs: the mixture's choice of up to eight
conversations, :func:`train.batches.make_item` and :func:`train.objectives.grounding.collate`. The model is that of the
preset ``pinpoint`` (a picture of 336 x 336 for the language model, one of 1024 x 1024 for SAM), of shapes without
weights; the shipped tiny model lends its tokenizer. Timers stand around the project's own functions and count the
processor's time in this thread. For comparison, "decoder alone" is Pillow's decoder on the same files.
"""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image, ImageFilter
from transformers import AutoTokenizer

from data import datasets, geometry, masks, mixture
from data.datasets import base
from data.datasets.base import Dataset, Picture, Query
from data.sample import Target
from model.backbones.llava import LlavaBackbone
from model.config import preset
from model.grounding import GroundingModel
from train.batches import GroundingBatch, Item
from train.objectives import grounding

TOKENIZER = Path(__file__).parent.parent / "checkpoints/tiny/backbone"
MADE, SECONDS, BATCH, MOST = 60, 10.0, 4, 8
REST = "rest: tensors, batches, order"


class Made(Dataset):
    """Pictures of blurred noise, which a JPEG takes about as many bytes for as for a photograph."""

    name, split = "made", "train"

    def __init__(self, folder: Path) -> None:
        self.folder, rng = folder, np.random.default_rng(0)
        for index in range(MADE):
            noise = Image.fromarray(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8))
            noise.filter(ImageFilter.GaussianBlur(1)).save(folder / f"{index}.jpg", quality=90)

    def __len__(self) -> int:
        return MADE

    def picture(self, index: int) -> Picture:
        return Picture(self.folder / f"{index}.jpg", f"{index}.jpg", (480, 640))

    def queries(self, index: int) -> list[Query]:
        rng, made = np.random.default_rng(index), []
        for number in range(MOST):
            angles, (x, y) = np.linspace(0, 6.2, 40), rng.uniform((100, 100), (540, 380))
            radii = rng.uniform(40, 100, 40)
            outline = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
            rle = masks.from_polygons([outline.ravel().tolist()], (480, 640), f"thing {number}")
            made.append(Query(f"made/train/{index}/{number}", f"thing {number}", "phrase", (Target("", rle),)))
        return made


class Clock:
    """The processor's seconds by part; what runs inside a part belongs to it, unless it is a part itself."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inside: list[str] = []
        self._since = 0.0

    def _turn(self) -> None:
        now = time.thread_time()
        if self._inside:
            self.spent[self._inside[-1]] += now - self._since
        self._since = now

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._turn()
        self._inside.append(name)
        try:
            yield
        finally:
            self._turn()
            self._inside.pop()

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its time counted as that part's."""

        @wraps(call)
        def counted(*given: Any, **more: Any) -> Any:
            with self.part(name):
                return call(*given, **more)

        return counted

    @contextmanager
    def watching(self, opened: Sequence[Dataset]) -> Iterator[None]:
        """Timers around the functions that the parts are named after."""
        places: list[tuple[Any, str, str]] = [
            (base, "open_image", "decoding"),
            (geometry.Frame, "image", "resizing"),
            (masks, "decode", "masks to pixels"),
            (mixture, "ask_thread", "text: wordings"),
            (mixture, "ask_together", "text: wordings"),
            (LlavaBackbone, "encode_chat", "text: tokens"),
            *((kind, "queries", "queries, with masks as run lengths") for kind in {type(one) for one in opened}),
        ]
        with ExitStack() as stack:
            for owner, name, part in places:
                stack.enter_context(mock.patch.object(owner, name, self.timed(part, getattr(owner, name))))
            yield


def network() -> GroundingModel:
    """A model of full size without weights: it prepares pictures and words, and no more."""
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER, local_files_only=True)
    return GroundingModel.build(preset("pinpoint"), tokenizer, device="meta")


def stream(opened: Sequence[Dataset], model: GroundingModel) -> mixture.Mixture[Item]:
    """The mixture that training reads, every picture as often as any other."""
    members = [mixture.Read(dataset) for dataset in opened]
    weights = [float(len(dataset)) for dataset in opened]
    return mixture.Mixture(members, weights, MOST, make=grounding.packer(model))


def measure(items: mixture.Mixture[Item], model: GroundingModel, opened: Sequence[Dataset]) -> tuple[int, Clock]:
    """Read the stream for :data:`SECONDS`; how many items, and the time by part."""
    clock, count = Clock(), 0
    with clock.watching(opened):
        begin = time.monotonic()
        while time.monotonic() - begin < SECONDS:
            with clock.part(REST):
                batch(items, model, count)
            count += BATCH
    return count, clock


def batch(items: mixture.Mixture[Item], model: GroundingModel, first: int) -> GroundingBatch:
    """The batch from that position on."""
    return grounding.collate(model, [items[first + one] for one in range(BATCH)])


def rate(call: Callable[[Any], object], values: list[Any]) -> float:
    """The processor's seconds a call, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        begin = time.thread_time()
        for value in values:
            call(value)
        best = min(best, (time.thread_time() - begin) / len(values))
    return best


def decode(path: Path) -> None:
    """Pillow's decoder and nothing else."""
    with Image.open(path) as opened:
        opened.load()


def run(root: Path | None) -> None:
    """Print samples a second and the milliseconds of each part.

    Raises:
        ValueError: the root is no folder, or holds no dataset.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        opened = [source.open() for source in datasets.sources(root)] if root else [Made(Path(folder))]
        if not opened:
            raise ValueError(f"{root}: holds none of the datasets that are read: name the root of their trees")
        model = network()
        items = stream(opened, model)
        for first in range(0, 20, BATCH):
            batch(items, model, first)  # warm up
        count, clock = measure(items, model, opened)
        pictures = [(dataset, index) for dataset in opened for index in range(len(dataset))]
        chosen = Random(0).sample(pictures, min(100, len(pictures)))
        alone = rate(decode, [dataset.picture(index).path for dataset, index in chosen])
    total = sum(clock.spent.values())
    print(f"{len(pictures)} pictures of {len(opened)} datasets and splits: {count / total:.0f} samples a second")
    for name, spent in sorted(clock.spent.items(), key=lambda part: -part[1]):
        print(f"  {name:36} {1e3 * spent / count:6.2f} ms {spent / total:6.1%}")
    print(f"  {'(decoder alone)':36} {1e3 * alone:6.2f} ms")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 2 where the root holds nothing to read."""
    parser = argparse.ArgumentParser(description="Samples a second from files to a training batch.")
    parser.add_argument("root", type=Path, nargs="?", help="of the dataset trees; without it pictures are made")
    try:
        run(parser.parse_args(arguments).root)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
