"""Questions a second of an evaluation: in batches that share what is read of a picture, and one by one without.

python -m benchmarks.evaluation --scenes 100 --questions 4
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from data.sample import Sample
from data.world.world import World
from eval.benchmarks import find
from eval.run import Asker, Way, ask
from model.answer import Answer
from model.predictor import Ask, Predictor

ROOT = Path(__file__).resolve().parent.parent
WARM = 4  # scenes that are asked about first and not counted


class Apart(Predictor):
    """Asks one question after the other and keeps nothing of a picture."""

    def ask_all(
        self,
        asks: Sequence[Ask],
        max_new_tokens: int | None = None,
        on_text: Callable[[int, str], bool] | None = None,
    ) -> list[Answer]:
        return [Predictor(self.model).ask_all([one], max_new_tokens, on_text)[0] for one in asks]


def scenes(begin: int, end: int, questions: int) -> list[Sample]:
    """Conversations about scenes of ``val``, ``questions`` a scene."""
    world, made = World("val", end), []
    for index in range(begin, end):
        image, samples = world.pack(index, questions)
        made += [replace(one, image=f"{index:06d}", load=partial(np.asarray, image)) for one in samples]
    return made


def rate(predictor: Asker, samples: Sequence[Sample], batch: int) -> tuple[float, list[str]]:
    """Questions a second, and the answers in order of their ids."""
    begin, answers = time.perf_counter(), dict[str, str]()
    for asked in ask(predictor, samples, Way(find("world").protocol(), batch)):
        answers.update((one.prediction.id, one.prediction.answer) for one in asked)
    return len(answers) / (time.perf_counter() - begin), [answers[name] for name in sorted(answers)]


def main() -> None:
    """Print a line for each way to ask, the slow one first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "checkpoints" / "tiny")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--questions", type=int, default=4, help="conversations about each scene (default 4)")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    predictor = Predictor.from_pretrained(args.checkpoint)
    warm = scenes(args.scenes, args.scenes + WARM, args.questions)
    samples = scenes(0, args.scenes, args.questions)
    ways: list[tuple[str, Asker, int]] = [
        ("one by one, each picture read anew", Apart(predictor.model), 1),
        ("one by one, pictures shared", predictor, 1),
        (f"batches of {args.batch}, pictures shared", predictor, args.batch),
    ]
    device = next(predictor.model.parameters()).device
    print(
        f"{len(samples)} conversations about {args.scenes} scenes; {device}, {args.threads} of {os.cpu_count()} threads"
    )
    first, said = 0.0, list[str]()
    for name, asker, batch in ways:
        rate(asker, warm, batch)
        speed, answers = rate(asker, samples, batch)
        first, said = first or speed, said or answers
        same = sum(mine == theirs for mine, theirs in zip(answers, said, strict=True))
        print(
            f"{name:38} {speed:7.2f} questions a second, x {speed / first:.2f}; {same} of {len(said)} answers the same"
        )


if __name__ == "__main__":
    main()
