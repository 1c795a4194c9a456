"""Ask every question of a benchmark, freely generated, and count."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from data import masks
from data.sample import Sample, Target, Turn
from eval import metrics
from eval.metrics import Counts
from eval.results import Record
from model.answer import Answer, Segment
from model.predictor import Predictor


@dataclass(frozen=True)
class Asked:
    """A question, its truth, the answer, and its counts."""

    sample: Sample
    turn: Turn
    answer: Answer
    counts: Counts

    def record(self) -> Record:
        """What is kept of it."""
        return Record(self.turn.question, self.turn.answer, self.answer.text, self.counts)


def evaluate(
    predictor: Predictor,
    samples: Iterable[Sample],
    total: int | None = None,
    quiet: bool = False,
    look: Callable[[Asked], None] | None = None,
    blind: bool = False,
) -> list[Record]:
    """Answer all questions of the samples.

    Args:
        predictor: asked with free generation; a later turn sees the model's own earlier answers.
        samples: in any order.
        total: how many, for the progress bar.
        quiet: no progress bar.
        look: called with each answer while its picture is the predictor's current one.
        blind: show a plain grey picture of the same size instead, so that only the words can help.
    """
    records: list[Record] = []
    scores: list[float] = []
    with tqdm(samples, total=total, disable=quiet, unit="picture") as bar:
        for sample in bar:
            for asked in ask_all(predictor, sample, blind):
                records.append(asked.record())
                if asked.turn.targets:
                    scores.append(asked.counts.iou)
                if look is not None:
                    look(asked)
            if scores:
                bar.set_postfix_str(f"gIoU {sum(scores) / len(scores):.3f}", refresh=False)
    return records


def ask_all(predictor: Predictor, sample: Sample, blind: bool = False) -> Iterator[Asked]:
    """The turns of one conversation, asked one after the other."""
    image = sample.load()
    predictor.set_image(np.full_like(image, 128) if blind else image)
    void = None if sample.void is None else masks.decode(sample.void)
    history: list[tuple[str, str]] = []
    for number, turn in enumerate(sample.turns):
        answer = predictor.ask(turn.question, history)
        history.append((turn.question, answer.text))
        yield Asked(sample, turn, answer, count(f"{sample.id}/{number}", turn, answer, sample.size, void))


def count(name: str, turn: Turn, answer: Answer, size: tuple[int, int], void: np.ndarray | None = None) -> Counts:
    """Compare an answer with the truth."""
    given = [segment.mask for segment in answer.segments if not segment.rejected]
    if not turn.targets:
        right = metrics.same_words(answer.text, turn.answer) and not answer.segments
        return Counts(name, turn.kind, 0, 0, True, 0, words=right)
    truth = [masks.decode(target.rle) for target in turn.targets if target.rle is not None]
    intersection, union = metrics.overlap(metrics.united(given, size), metrics.united(truth, size), void)
    pairs = pair(turn.targets, answer.segments)
    present, absent = [], []
    for target, segment in zip(turn.targets, pairs, strict=True):
        drawn = segment is not None and bool(segment.mask.any())
        if target.absent:
            absent.append(not drawn)
        else:
            present.append(drawn)
    matched = {i: iou for i, _, iou in metrics.match(given, truth)}
    return Counts(
        id=name,
        kind=turn.kind,
        intersection=intersection,
        union=union,
        empty=not truth,
        targets=len(turn.targets),
        present=tuple(present),
        absent=tuple(absent),
        matched=tuple(matched.get(i, 0.0) for i in range(len(given))),
    )


def pair(targets: Sequence[Target], segments: Sequence[Segment]) -> list[Segment | None]:
    """Which segment answers which target: the same phrase first, then what is left in order."""
    left = list(segments)
    found: dict[int, Segment] = {}
    for index, target in enumerate(targets):
        same = next((s for s in left if s.phrase.lower() == target.phrase.lower()), None)
        if same is not None:
            found[index] = same
            left = [s for s in left if s is not same]
    for index in range(len(targets)):
        if index not in found and left:
            found[index] = left.pop(0)
    return [found.get(index) for index in range(len(targets))]
