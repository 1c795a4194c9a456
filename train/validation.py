"""Validation while training: the model as it is answers questions about scenes of ``val`` freely, as an evaluation
asks them."""

import json
from dataclasses import replace
from pathlib import Path

from eval.benchmarks.world import Scenes
from eval.metrics import Counts
from eval.protocols import WORLD
from eval.run import Way, ask
from model.grounding import GroundingModel
from model.predictor import Predictor
from train.processes import Processes
from train.saving import SCORES

NUMBERS = {"giou": "gIoU", "ciou": "cIoU", "n_acc": "N-acc", "t_acc": "T-acc"}


def answer(model: GroundingModel, count: int, processes: Processes, precision: str) -> list[Counts]:
    """Ask about this process's share of the first ``count`` scenes of ``val``; the model is left in the mode that it
    was in."""
    scenes, training, placement = Scenes("val", count), model.training, model.placement
    mine = range(processes.number, count, processes.count)
    samples = [sample for index in mine for sample in scenes.samples(index, WORLD)]
    model.placement = replace(placement, precision="bfloat16" if precision == "bf16" else "float32")
    try:
        predictor = Predictor(model, keep_bytes=0)
        return [one.counts for batch in ask(predictor, samples, Way(WORLD)) for one in batch if one.counts is not None]
    finally:
        model.placement = placement
        model.train(training)


def write(out: Path, step: int, rows: list[Counts]) -> dict[str, float]:
    """Sum up the answers of all processes and add a line to the run's ``validation.jsonl``; the numbers by name, those
    left out for which there was nothing to count."""
    summary = WORLD.summarise(rows)
    found = {name: summary[shown] for name, shown in NUMBERS.items()}
    made = {name: value for name, value in found.items() if value is not None}
    with (out / SCORES).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **made}) + "\n")
    return made
