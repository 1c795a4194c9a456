"""What was asked, said and drawn: one JSON object a line, enough to score it again without a model."""

import base64
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data import masks
from data.geometry import Frame
from data.sample import RLE, Sample, Target
from data.settings import build
from model.answer import Answer, Segment

MOST_POINTS = 64  # of a mark that are kept for people


@dataclass(frozen=True)
class Why:
    """What led to a mask, for people.

    Attributes:
        map: the similarity map, ``(h, w)`` uint8 row by row, 255 the most similar, as base64.
        grid: its ``(h, w)``.
        points: (x, y, label) in original pixels; label 1 inside, 0 outside.
        layers: share in the map of each layer that has one, by its index.
        edges: where the grid lies: left, top, right, bottom, original pixels from the picture's corner; outside the
            picture where the model saw padding, inside where it saw a part alone. Empty: on the whole picture.
    """

    map: str = ""
    grid: tuple[int, int] = (0, 0)
    points: tuple[tuple[float, float, int], ...] = ()
    layers: dict[str, float] = dataclasses.field(default_factory=dict)
    edges: tuple[float, ...] = ()

    @classmethod
    def of(cls, segment: Segment) -> "Why":
        """The evidence of a segment."""
        evidence = segment.evidence
        levels = np.round(evidence.map * 255).clip(0, 255).astype(np.uint8)
        points: tuple[tuple[float, float, int], ...] = ()
        if evidence.prompts.points is not None and evidence.prompts.labels is not None:
            places = zip(evidence.prompts.points[0].tolist(), evidence.prompts.labels[0].tolist(), strict=True)
            points = tuple((round(x, 1), round(y, 1), int(label)) for (x, y), label in places if label >= 0)
        return cls(
            base64.b64encode(levels.tobytes()).decode("ascii"),
            (levels.shape[0], levels.shape[1]),
            points[:MOST_POINTS],
            {str(layer): round(share, 4) for layer, share in evidence.layers.items() if share > 0.0005},
            () if evidence.frame is None else _edges(evidence.frame),
        )


@dataclass(frozen=True)
class Given:
    """One mark of an answer.

    Attributes:
        phrase: its words in the answer.
        rle: its mask; None where the answer says that it is not there (``<REJ>``).
        score: the segmenter's own estimate of the mask's IoU.
        why: what led to it, or None.
        hidden: the mask that a ``<REJ>`` would have been, where a protocol counts it (:mod:`eval.forced`); else None.
    """

    phrase: str
    rle: RLE | None
    score: float = 1.0
    why: Why | None = None
    hidden: RLE | None = None


@dataclass(frozen=True)
class Truth:
    """The true answer.

    Attributes:
        answer: in words, with marks.
        targets: in the order of its marks; without a mask where they are not in the picture.
        void: pixels that count neither way, or None.
    """

    answer: str
    targets: tuple[Target, ...]
    void: RLE | None = None


@dataclass(frozen=True)
class Prediction:
    """One question of a benchmark.

    Attributes:
        id: of the sample and the turn; results are summed in its order.
        image: the picture's name; questions of one picture are drawn together by the bootstrap.
        size: ``(H, W)`` of the picture.
        kind: the kind of question.
        question: as it was asked.
        answer: the given one, with marks.
        given: in the order of its marks.
        truth: the true one; None where nobody knows it, and in the predictions of another system, whose truth the
            benchmark has.
        error: why there is no answer, or None; such a question scores nothing.
        seconds: that the answer took, its share of a batch.
    """

    id: str
    image: str
    size: tuple[int, int]
    kind: str
    question: str
    answer: str
    given: tuple[Given, ...]
    truth: Truth | None = None
    error: str | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, sample: Sample, number: int, answer: Answer | None, error: str | None = None) -> "Prediction":
        """What became of a turn of a sample."""
        turn = sample.turns[number]
        given = () if answer is None else tuple(_given(segment) for segment in answer.segments)
        return cls(
            id=f"{sample.id}/{number}",
            image=sample.image or sample.id,
            size=sample.size,
            kind=turn.kind,
            question=turn.question,
            answer="" if answer is None else answer.text,
            given=given,
            truth=Truth(turn.answer, turn.targets, sample.void) if turn.answer or turn.targets else None,
            error=error,
            seconds=0.0 if answer is None else round(answer.timings.get("total", 0.0), 4),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is None or empty is left out."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


def _edges(frame: Frame) -> tuple[float, ...]:
    """The corners of a frame's target, left, top, right and bottom, in original pixels."""
    (height, width), (sx, sy), (ox, oy) = frame.target, frame.scale, frame.offset
    return tuple(round(edge, 2) for edge in (-ox / sx, -oy / sy, (width - ox) / sx, (height - oy) / sy))


def _given(segment: Segment) -> Given:
    rle = None if segment.rejected else masks.encode(segment.mask)
    return Given(segment.phrase, rle, round(segment.score, 4), Why.of(segment))


def write(predictions: Iterable[Prediction], path: Path, ious: Mapping[str, float] | None = None) -> None:
    """One JSON object a line, in the order of the ids; ``ious``, by id, stand beside them for those who read by eye."""
    with path.open("w", encoding="utf-8") as lines:
        for prediction in sorted(predictions, key=lambda one: one.id):
            lines.write(line(prediction, (ious or {}).get(prediction.id)))


def line(prediction: Prediction, iou: float | None = None) -> str:
    """A prediction as a line of its file."""
    values = prediction.as_json()
    if iou is not None:
        values["iou"] = round(iou, 6)
    return json.dumps(values) + "\n"


def read(path: Path) -> Iterator[Prediction]:
    """The predictions of a file, one after the other.

    Raises:
        ValueError: a line is no prediction; it is named.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            yield parse(line, f"{path}, line {number}")


def parse(line: str, where: str) -> Prediction:
    """The prediction of a line.

    Raises:
        ValueError: it is none; ``where`` says which line it is.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not JSON ({error})") from error
    if isinstance(values, dict):
        values.pop("iou", None)  # it is counted anew
    return build(Prediction, values, where)
