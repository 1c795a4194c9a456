"""Validation while training: the model as it is answers questions freely, as ``pinpoint eval`` asks them, of the set
that the recipe names; a few of the answers are drawn."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from data import datasets, masks
from data.sample import Sample
from eval import benchmarks
from eval.benchmarks import Benchmark, Questions
from eval.metrics import Counts
from eval.protocols import WORLD, Protocol
from eval.run import Asked, Way, ask
from model.grounding import GroundingModel
from model.predictor import Predictor
from train.processes import Processes
from train.recipe import Recipe
from train.records import panel
from train.saving import SCORES

log = logging.getLogger(__name__)

NUMBERS = {"giou": "gIoU", "ciou": "cIoU", "n_acc": "N-acc", "t_acc": "T-acc"}
PICTURES = "validation"  # the folder in the run's
DRAWN = 6  # questions on a sheet


def check(recipe: Recipe) -> None:
    """Find the set that a recipe validates on, if it does; its annotations are opened later.

    Raises:
        ValueError: it is not there.
    """
    if recipe.validate_steps:
        _find(recipe)


def _find(recipe: Recipe) -> tuple[Benchmark, str, Path | None]:
    """The set, its split, and the root of the dataset trees. What is no benchmark is a dataset of the tree, such as
    one's own, by the drawn world's rules."""
    name, _, split = recipe.validate.rpartition("/")
    given = recipe.options.get("root")
    root = Path(given).expanduser() if given else None
    try:
        if root is None or name in benchmarks.every():
            benchmark = benchmarks.find(name)
            benchmark.check_split(split)
        else:
            benchmark = Benchmark(name, (split,), (WORLD,))
        if benchmark.rooted and root is None:
            raise ValueError(f"{name} lies in a tree of datasets: name its root as options.root")
        if benchmark.rooted and root is not None:
            datasets.find(root, name, benchmark.part_of.get(split, split))
    except ValueError as error:
        raise ValueError(f"validate: {error}") from error
    return benchmark, split, root


class Validation:
    """The questions that a run is asked between its steps.

    Args:
        recipe: of the run.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.out = recipe, Path(recipe.out)
        self._opened: tuple[Questions, Protocol] | None = None

    @property
    def questions(self) -> Questions:
        """Those about the first pictures of the set by name."""
        return self._open()[0]

    @property
    def rules(self) -> Protocol:
        """The set's default protocol, which reports :data:`NUMBERS` whatever its own are: its own gIoU, if it has one,
        else that of the drawn world, and so on."""
        return self._open()[1]

    def _open(self) -> tuple[Questions, Protocol]:
        if self._opened is None:
            benchmark, split, root = _find(self.recipe)
            rules = benchmark.protocol()
            known = {number.name: number for number in (*WORLD.numbers, *rules.numbers)}
            numbers = tuple(known[name] for name in NUMBERS.values())
            questions = benchmark.open(root, split, self.recipe.validate_count)
            self._opened = questions, replace(rules, numbers=numbers)
        return self._opened

    def answer(self, model: GroundingModel, processes: Processes, step: int) -> list[Counts]:
        """Ask about this process's share of the pictures; the model is left in the mode that it was in. The first
        process draws what became of its first questions."""
        training, placement = model.training, model.placement
        mine = range(processes.number, len(self.questions), processes.count)
        samples = [sample for index in mine for sample in self.questions.samples(index, self.rules)]
        model.placement = replace(placement, precision="bfloat16" if self.recipe.precision == "bf16" else "float32")
        try:
            predictor = Predictor(model, keep_bytes=0)
            asked = [one for batch in ask(predictor, samples, Way(self.rules)) for one in batch]
        finally:
            model.placement = placement
            model.train(training)
        failed = [one.prediction for one in asked if one.prediction.error is not None]
        if failed:
            said = "%d of %d questions failed and score nothing, the first of them %s: %s"
            log.warning(said, len(failed), len(asked), failed[0].id, failed[0].error)
        if processes.first:
            self._draw(asked, {sample.id: sample for sample in samples}, step)
        return [one.counts for one in asked if one.counts is not None]

    def _draw(self, asked: list[Asked], samples: dict[str, Sample], step: int) -> None:
        """A sheet with a row for each of the first questions about masks: the true ones, and those of the answer."""
        rows: list[np.ndarray] = []
        for one in asked:
            said, truth = one.prediction, one.prediction.truth
            if len(rows) == DRAWN or truth is None or not truth.targets or said.error is not None:
                continue
            image = samples[said.id.rpartition("/")[0]].load()
            true = [masks.decode(target.rle) for target in truth.targets if target.rle is not None]
            drawn = [masks.decode(mark.rle) for mark in said.given if mark.rle is not None]
            iou = "" if one.counts is None else f"{one.counts.iou:.2f}: "
            panels = (image, true, f"{said.question}\n{truth.answer}"), (image, drawn, f"{iou}{said.answer}")
            rows.append(np.concatenate([panel(*each) for each in panels], axis=1))
        if rows:
            folder = self.out / PICTURES
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.concatenate(rows, axis=0)).save(folder / f"{step:06d}.png")

    def write(self, step: int, rows: list[Counts]) -> dict[str, float]:
        """Sum up the answers of all processes and add a line to the run's ``validation.jsonl``; the numbers by name,
        those left out for which there was nothing to count."""
        summary = self.rules.summarise(rows)
        found = {name: summary[shown] for name, shown in NUMBERS.items()}
        made = {name: value for name, value in found.items() if value is not None}
        with (self.out / SCORES).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **made}) + "\n")
        return made
