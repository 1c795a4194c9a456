"""The report of an evaluation that lies in a folder."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from eval import journal, predictions
from eval.benchmarks import Questions
from eval.predictions import Prediction
from eval.protocols import Protocol
from eval.report.choice import Row
from eval.report.page import MOST, Pictures, write
from eval.results import PREDICTIONS, RESULTS, tally


def make(folder: Path, protocol: Protocol | None, pictures: Pictures | None = None, most: int = MOST) -> Path:
    """Write ``report.html`` beside ``predictions.jsonl``. Of each prediction only the counts are held, and the whole of
    those that are shown.

    Args:
        folder: of the evaluation; its ``results.json``, if there is one, gives the numbers.
        protocol: the rules to count by; None for answers whose truth nobody knows.
        pictures, most: as of :func:`eval.report.page.write`.

    Raises:
        ValueError: there are no predictions, or a line is none.
    """
    file, results = folder / PREDICTIONS, folder / RESULTS
    if not file.is_file():
        raise ValueError(f"no {PREDICTIONS} in {folder}: name the folder of an evaluation")
    values = journal.read(results) if results.is_file() else {}

    def whole(ids: Collection[str]) -> Iterable[Prediction]:
        return (one for one in predictions.read(file) if one.id in ids)

    rows: Sequence[Row]
    rows = list(predictions.read(file)) if protocol is None else tally(predictions.read(file), protocol)
    return write(folder, rows, values, pictures, most, None if protocol is None else whole)


def pictures_of(questions: Questions, protocol: Protocol) -> Pictures:
    """The pictures of a benchmark by name."""
    places = {questions.name(index): index for index in range(len(questions))}

    def load(name: str) -> np.ndarray | None:
        samples = questions.samples(places[name], protocol) if name in places else []
        return samples[0].load() if samples else None

    return load
