"""Ask the questions of a benchmark, in an order and in batches that nothing but the benchmark decides."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol as Interface

import numpy as np
import torch

from data.sample import Sample
from eval import clicks, forced, predictions
from eval.benchmarks.base import Questions, Read
from eval.journal import Writer
from eval.metrics import Counts
from eval.predictions import Prediction
from eval.protocols import Protocol
from model.answer import Answer
from model.predictor import Ask, Predictor

BLOCK = 16  # pictures that are asked about together: what a kill can cost, and what memory holds
LOST = getattr(torch, "AcceleratorError", ())  # the device is of no more use; memory that ran out is another error


class Asker(clicks.Refiner, Interface):
    """What is evaluated: :class:`model.predictor.Predictor`, or a stand-in. It reads each picture by itself, so that
    what it keeps of earlier ones changes no answer."""

    def set_image(self, image: np.ndarray) -> None: ...
    def ask_all(self, asks: Sequence[Ask]) -> list[Answer]: ...
    def forget(self) -> None: ...


@dataclass(frozen=True)
class Way:
    """How a benchmark is asked.

    Attributes:
        protocol: its rules.
        batch: questions that are asked at once.
        blind: a plain grey picture of the same size is shown instead, so that only the words can help.
        click: poor masks get one corrective click, which changes no other number.

    Raises:
        ValueError: true answers are to be read blind, or corrected.
    """

    protocol: Protocol
    batch: int = 8
    blind: bool = False
    click: bool = False

    def __post_init__(self) -> None:
        if self.protocol.answers != "free" and (self.blind or self.click):
            raise ValueError(f"protocol {self.protocol.name} reads true answers: leave --blind and --click away")


@dataclass(frozen=True)
class Asked:
    """What became of a question: what is kept of the answer, its counts if there is a truth, and masks before and after
    a click."""

    prediction: Prediction
    counts: Counts | None
    corrected: tuple[clicks.Corrected, ...] = ()


@dataclass
class _Talk:
    """A conversation that is going on."""

    sample: Sample
    history: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None

    @property
    def picture(self) -> str:
        return self.sample.image or self.sample.id


def blocks(questions: Questions) -> int:
    """How many blocks of BLOCK pictures there are; the last may be smaller."""
    return -(-len(questions) // BLOCK)


def run(predictor: Asker, questions: Questions, way: Way, numbers: Iterable[int], journal: Writer) -> Iterator[int]:
    """Ask the blocks of these numbers and write down what is answered; yields after each batch how many questions.

    Raises:
        ValueError: annotations are wrong, or an id is not unique.
        OSError: the journal cannot be written.
    """
    for number in numbers:
        begin = time.perf_counter()
        journal.begin(number)
        pictures = range(number * BLOCK, min((number + 1) * BLOCK, len(questions)))
        corrected: list[clicks.Corrected] = []
        if way.protocol.answers == "teacher_forced":
            batches = _forced(predictor, questions, pictures, way)
        else:
            samples = [sample for index in pictures for sample in questions.samples(index, way.protocol)]
            batches = ask(predictor, samples, way)
        for asked in batches:
            journal.add(predictions.line(one.prediction, one.counts.iou if one.counts else None) for one in asked)
            corrected += [pair for one in asked for pair in one.corrected]
            yield len(asked)
        journal.done(number, [(pair.before, pair.after) for pair in corrected], time.perf_counter() - begin)
        predictor.forget()  # no other block asks about these pictures


def _forced(predictor: Asker, questions: Questions, pictures: Iterable[int], way: Way) -> Iterator[list[Asked]]:
    """Read the true answers about these pictures, one picture at a time."""
    if not isinstance(predictor, Predictor) or not isinstance(questions, Read):
        raise ValueError(f"protocol {way.protocol.name}: its questions are those of a dataset in a tree")
    if predictor.model.backbone.mark_ids[1] < 0:
        raise ValueError(f"protocol {way.protocol.name}: asks for what is absent, and the model has no <REJ>")
    for index in pictures:
        asked = questions.together(index, way.protocol)
        if asked is None:
            continue
        joint, alone = asked
        try:
            made = forced.answer(predictor.model, _picture(joint), joint, alone)
        except LOST:
            raise
        except Exception as error:
            made = [Prediction.of(sample, 0, None, reason(error)) for sample in alone]
        yield [Asked(prediction, way.protocol.count(prediction)) for prediction in made]


def ask(predictor: Asker, samples: Sequence[Sample], way: Way) -> Iterator[list[Asked]]:
    """Ask conversations, in the order of their pictures' names and their ids: the first question of each, then the
    second ones with the model's own first answers, and so on.

    Args:
        predictor: writes its answers freely.
        samples: in any order.
        way: how.

    Yields:
        What became of each batch.

    Raises:
        ValueError: two samples have the same id.
    """
    talks = [_Talk(sample) for sample in sorted(samples, key=lambda one: (one.image or one.id, one.id))]
    ids = {talk.sample.id for talk in talks}
    if len(ids) < len(talks):
        raise ValueError(f"two of the questions on {talks[0].picture} and after have the same id: ids are unique")
    shown = _Pictures(way.blind)
    for number in range(max((len(talk.sample.turns) for talk in talks), default=0)):
        asking = [talk for talk in talks if number < len(talk.sample.turns)]
        for start in range(0, len(asking), way.batch):
            yield _ask(predictor, asking[start : start + way.batch], number, shown, way)


def _ask(predictor: Asker, talks: list[_Talk], number: int, shown: "_Pictures", way: Way) -> list[Asked]:
    """A batch of questions: of each conversation the one of that number."""
    images = shown.of([talk for talk in talks if talk.error is None])
    ready = [talk for talk in talks if talk.error is None]
    asks = [Ask(images[talk.picture], talk.sample.turns[number].question, tuple(talk.history)) for talk in ready]
    answers = {talk.sample.id: answer for talk, answer in zip(ready, _answers(predictor, asks), strict=True)}
    made = []
    for talk in talks:
        turn, answer, error = talk.sample.turns[number], answers.get(talk.sample.id), talk.error
        corrected: list[clicks.Corrected] = []
        if isinstance(answer, str):
            answer, error, talk.error = None, answer, "not asked: an earlier question of its conversation failed"
        if answer is not None:
            talk.history.append((turn.question, answer.text))
            if way.click:
                predictor.set_image(images[talk.picture])
                corrected = clicks.correct(predictor, answer, turn.targets, talk.sample.void)
        prediction = Prediction.of(talk.sample, number, answer, error)
        counts = None if prediction.truth is None else way.protocol.count(prediction)
        made.append(Asked(prediction, counts, tuple(corrected)))
    return made


def _answers(predictor: Asker, asks: list[Ask]) -> list[Answer | str]:
    """The answers. Where a batch fails each is asked alone, and what fails then has its error instead."""
    if len(asks) > 1:
        with contextlib.suppress(Exception):
            return list(predictor.ask_all(asks))
    return [_alone(predictor, ask) for ask in asks]


def _alone(predictor: Asker, ask: Ask) -> Answer | str:
    try:
        return predictor.ask_all([ask])[0]
    except LOST:
        raise
    except Exception as error:  # whatever one question does, the others are asked
        return reason(error)


def reason(error: Exception) -> str:
    """An error in one line."""
    said = " ".join(str(error).split())[:300]
    return said if isinstance(error, ValueError) and said else f"{type(error).__name__}: {said}"


def _picture(sample: Sample, image: np.ndarray | None = None) -> np.ndarray:
    """The picture of a sample, unless it is given: ``(H, W, 3)`` uint8 RGB.

    Raises:
        ValueError: it cannot be read, or is of another size than its annotations say.
    """
    image = sample.load() if image is None else image
    if image.shape[:2] != tuple(sample.size):
        found, said = (f"{width} x {height}" for height, width in (image.shape[:2], sample.size))
        raise ValueError(f"{sample.image or sample.id}: is {found} pixels and its annotations are for {said}")
    return image


class _Pictures:
    """The pictures of one batch; those that the next one shows as well are not read again."""

    def __init__(self, blind: bool) -> None:
        self._blind = blind
        self._held: dict[str, np.ndarray] = {}

    def of(self, talks: list[_Talk]) -> dict[str, np.ndarray]:
        """By name, ``(H, W, 3)`` uint8 RGB. A conversation whose picture cannot be shown has an error from then on."""
        names = {talk.picture for talk in talks}
        self._held = {name: image for name, image in self._held.items() if name in names}
        for talk in talks:
            try:
                image = _picture(talk.sample, self._held.get(talk.picture))
            except Exception as error:
                talk.error = reason(error)
                continue
            if talk.picture not in self._held:
                self._held[talk.picture] = np.full_like(image, 128) if self._blind else image
        return self._held
