"""The evaluation of a trained run, by the code of ``pinpoint eval``: scenes of ``val``, answers written freely."""

import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scipy import stats

from benchmarks.paradigms.plan import Job
from data.provenance import digest
from eval import journal, predictions, processes, results
from eval.run import Asker
from eval.scoring import Scored
from model.placement import Placement
from model.policy import Use
from model.predictor import Predictor

NUMBERS = ("gIoU", "cIoU", "N-acc", "T-acc")
SPLIT = "val"


@dataclass(frozen=True)
class Work(processes.Work):
    """An evaluation with the layer policy applied in a way of one's own."""

    layer: Use | None = None

    def predictor(self, device: str) -> Asker:
        return Predictor.from_pretrained(self.checkpoint, replace(self.placement, device=device), self.layer)


def folder(out: Path, job: Job, use: str) -> Path:
    """Where the answers of a run lie, its layer policy applied in one of its ways."""
    return out / "runs" / job.name / f"{SPLIT}-{use}"


def evaluate(checkpoint: Path, out: Path, scenes: int, threads: int, use: Use | None) -> dict[str, Any]:
    """Ask about the first scenes of ``val``, or go on asking; the numbers of a row.

    Raises:
        ValueError: the folder holds another evaluation.
    """
    work = Work(
        checkpoint, out, "world", SPLIT, count=scenes, threads=threads, placement=Placement(device="cpu"), layer=use
    )
    questions, way = work.open()
    head = {
        "benchmark": work.benchmark,
        "split": SPLIT,
        "pictures": scenes,
        "batch": work.batch,
        "sha256": digest(checkpoint),
        "layer": use,
        "threads": threads,
    }
    found = results.finished(out, head)
    if found is None:
        journal.begin(out, head)
        begin = time.perf_counter()
        journals = processes.evaluate(work, questions, way, processes.ranks(1, "cpu"), quiet=True)
        assert journals is not None, "one process puts its own results together"
        took = {"seconds": round(time.perf_counter() - begin, 1), "asking": round(journals.seconds, 1)}
        found = results.write(out, head, way.protocol, journals.lines(), sys.argv, took)
        journal.clear(out)
    scored = results.tally(predictions.read(out / results.PREDICTIONS), way.protocol)
    return {
        "questions": found["questions"],
        "failed": found["failed"]["questions"],
        "numbers": {name: found["numbers"][name] for name in NUMBERS},
        "intervals": {name: found["intervals"][name] for name in NUMBERS},
        "seconds_answer": statistics.median(one.prediction.seconds for one in scored),
        "estimate": estimate(rated(out / results.PREDICTIONS, scored)),
        "seconds": found["time"]["asking"],
    }


def rated(path: Path, scored: Iterable[Scored]) -> list[tuple[float, float]]:
    """For each mask that was drawn: SAM's own estimate of its IoU, and its true IoU with the mask that it is matched to
    (0 for one too many)."""
    counted = {one.counts.id: one.counts for one in scored}
    pairs: list[tuple[float, float]] = []
    for prediction in predictions.read(path):
        given = [one.score for one in prediction.given if one.rle is not None]
        counts = counted[prediction.id]
        if prediction.error is None and counts.targets:
            pairs += zip(given, counts.matched, strict=True)
    return pairs


def estimate(pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """How far SAM's estimates go with the true IoU: over all masks, and over those that overlap what they are matched
    to, which SAM can judge without knowing what was asked for."""
    found: dict[str, Any] = {}
    for name, lot in (("all", pairs), ("overlapping", [pair for pair in pairs if pair[1] > 0])):
        said, true = [pair[0] for pair in lot], [pair[1] for pair in lot]
        told = len(set(said)) > 1 and len(set(true)) > 1
        found[name] = {
            "masks": len(lot),
            "mean_estimate": statistics.fmean(said) if lot else None,
            "mean_iou": statistics.fmean(true) if lot else None,
            "pearson": float(stats.pearsonr(said, true)[0]) if told else None,
            "spearman": float(stats.spearmanr(said, true)[0]) if told else None,
        }
    return found
