"""Samples a second from files to a batch at SAM's 1024 x 1024 on one core, and where the time goes.

python -m benchmarks.collation [ROOT]

Reads every dataset of the trees under ROOT, or, without one, pictures of 640 x 480 that it makes, each with eight
things in polygons. An item is a picture with up to eight conversations, the truth of all their marks, and the picture
resized and padded for SAM. For comparison, ``decoder`` is Pillow's JPEG decoder alone on the same files.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter

from data import datasets, masks
from data.asking import ask_thread, threads
from data.datasets.base import Dataset, Picture, Query
from data.geometry import Frame
from data.sample import Target

SIDE = 1024
MADE, SECONDS, BATCH, MOST = 60, 10.0, 4, 8


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
    """Seconds by part."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.spent[name] += time.perf_counter() - begin


def prepared(image: np.ndarray) -> torch.Tensor:
    """``(3, 1024, 1024)`` uint8, as SAM's own ``prepare`` gives it."""
    made = Frame.letterbox((image.shape[0], image.shape[1]), SIDE).image(image)
    return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))


def item(dataset: Dataset, index: int, rng: Random, clock: Clock) -> tuple[torch.Tensor, torch.Tensor]:
    """One picture and the truth ``(M, H, W)`` bool of its marks."""
    with clock.part("decoding"):
        image = dataset.picture(index).load()
    with clock.part("queries, with masks as run lengths"):
        every = threads(dataset.queries(index))
    with clock.part("words"):
        talks = [ask_thread(thread, rng) for thread in rng.sample(every, min(MOST, len(every)))]
    with clock.part("masks to pixels"):
        rles = [target.rle for turns in talks for turn in turns for target in turn.targets]
        truth = np.zeros((len(rles), *image.shape[:2]), dtype=bool)
        for row, rle in zip(truth, rles, strict=True):
            if rle is not None:
                row[:] = masks.decode(rle)
    with clock.part("resizing"):
        return prepared(image), torch.from_numpy(truth)


def measure(items: list[tuple[Dataset, int]]) -> tuple[int, Clock]:
    """Go round the items for :data:`SECONDS`; how many, and the time by part."""
    rng, clock, count, begin = Random(0), Clock(), 0, time.perf_counter()
    batch: list[torch.Tensor] = []
    while time.perf_counter() - begin < SECONDS:
        batch.append(item(*items[count % len(items)], rng, clock)[0])
        count += 1
        if len(batch) == BATCH:
            with clock.part("stacking"):
                torch.stack(batch)
            batch = []
    return count, clock


def rate(call: Callable[[Any], object], values: list[Any]) -> float:
    """Seconds a call, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        for value in values:
            call(value)
        best = min(best, (time.perf_counter() - begin) / len(values))
    return best


def decode(path: Path) -> None:
    """Pillow's decoder and nothing else."""
    with Image.open(path) as opened:
        opened.load()


def main(root: str | None = None) -> None:
    """Print samples a second and the milliseconds of each part."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        opened = [s.open() for s in datasets.sources(Path(root))] if root else [Made(Path(folder))]
        items = [(dataset, index) for dataset in opened for index in range(len(dataset))]
        Random(0).shuffle(items)
        for dataset, index in items[:20]:
            item(dataset, index, Random(0), Clock())  # warm up
        count, clock = measure(items)
        alone = rate(decode, [dataset.picture(index).path for dataset, index in items[:100]])
    total = sum(clock.spent.values())
    print(f"{len(items)} pictures of {len(opened)} datasets and splits: {count / total:.0f} samples a second")
    for name, spent in clock.spent.most_common():
        print(f"  {name:36} {1e3 * spent / count:6.2f} ms {spent / total:6.1%}")
    print(f"  {'(decoder alone)':36} {1e3 * alone:6.2f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:2])
