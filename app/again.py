"""A conversation to run again, as Python and as commands: the same questions after the same words, the same masks.

Both name the picture by the file that :mod:`app.export` writes of it. Every text is quoted as its language quotes it.
"""

import json
import shlex
from dataclasses import asdict, fields
from itertools import pairwise
from typing import NamedTuple

from app.arguments import CHECKPOINT, CHECKPOINTS
from app.export.base import Talk
from app.session import Exchange
from app.setup import Setup
from model.answer import Segment
from model.placement import Placement


def python(talk: Talk, setup: Setup) -> str:
    """A program that asks the same questions and draws the same masks, corrections by clicks included."""
    corrected = [line for at, row in enumerate(talk.answered) for line in _corrections(at, row)]
    imports = ["import numpy as np"] if any("np." in line for line in corrected) else []
    imports += [""] if imports else []
    folder = setup.checkpoint
    place = f"CHECKPOINTS / {folder.name!r}" if folder.parent == CHECKPOINTS else repr(str(folder))
    imports += ["from app.arguments import CHECKPOINTS"] if place.startswith("CHECKPOINTS") else []
    chosen = _chosen(setup.placement)
    imports += ["from model.placement import Placement"] if chosen else []
    imports += ["from model.predictor import Predictor"]
    given = [place]
    given += (
        [f"placement=Placement({', '.join(f'{key}={value!r}' for key, value in chosen.items())})"] if chosen else []
    )
    given += [f"layer={setup.layer!r}"] if setup.layer else []
    said = [f"    ({answer.question!r}, {answer.text!r})," for answer in talk.answers]
    return "\n".join(
        [
            *imports,
            "",
            f"predictor = Predictor.from_pretrained({', '.join(given)})",
            f"predictor.set_image({talk.picture.name!r})",
            "talk = [  # each question, and what was answered: the next one is asked after it",
            *said,
            "]",
            "answers = [predictor.ask(question, talk[:number]) for number, (question, _) in enumerate(talk)]",
            "segments = [list(answer.segments) for answer in answers]",
            *corrected,
            "for answer, found in zip(answers, segments):",
            "    print(answer.text)",
            "    for segment in found:  # segment.mask is (H, W) bool",
            '        print(" ", segment.phrase, "not here" if segment.rejected else f"{segment.mask.sum()} pixels")',
            "",
        ]
    )


def commands(talk: Talk, setup: Setup) -> list[str]:
    """A command for each answer, which writes its overlay and masks. A command has no clicks: masks that were corrected
    come out as they were before (:func:`by_hand`)."""
    words = ["pinpoint", "ask"]
    if setup.checkpoint != CHECKPOINT:
        own = setup.checkpoint.parent == CHECKPOINTS
        words += ["--checkpoint", setup.checkpoint.name if own else str(setup.checkpoint)]
    for key, value in _chosen(setup.placement).items():
        if key != "attention":  # which no option chooses
            words += [f"--{key}"] if value is True else [f"--{key}", str(value)]
    words += ["--layer", setup.layer] if setup.layer else []
    made = []
    for number, answer in enumerate(talk.answers):
        before = [[earlier.question, earlier.text] for earlier in talk.answers[:number]]
        history = ["--history", json.dumps(before, ensure_ascii=False)] if before else []
        folder = ["--out", "answer" if len(talk.answers) == 1 else f"answer-{number + 1}"]
        line = [*words, *history, *folder, "--", talk.picture.name, answer.question]
        made.append(" ".join(shlex.quote(word.replace("\0", " ")) for word in line))  # no word of a command holds a NUL
    return made


def by_hand(talk: Talk) -> bool:
    """Whether a mask has been corrected, or drawn of what the model rejected."""
    return any(_corrections(at, row) for at, row in enumerate(talk.answered))


class _State(NamedTuple):
    """What has been done to a mask up to a time; ``layer`` is None where several speak."""

    rejected: bool
    layer: int | None
    clicks: list[tuple[list[float], int]]
    box: list[float] | None

    @classmethod
    def of(cls, segment: Segment) -> "_State":
        layers, given = segment.evidence.layers, segment.evidence.clicks
        points = [] if given.points is None else given.points[0].tolist()
        labels = [] if given.labels is None else given.labels[0].tolist()
        box = None if given.boxes is None else given.boxes[0].tolist()
        layer = next(iter(layers)) if len(layers) == 1 else None
        return cls(segment.rejected, layer, list(zip(points, labels, strict=True)), box)


def _corrections(at: int, row: Exchange) -> list[str]:
    """Lines that do to the segments of answer ``at`` what a person has done, in turn. What a segment does not hold is
    left out: the settings of the points."""
    assert row.answer is not None
    lines = []
    for number, track in sorted(row.tracks.items()):
        kept = [track.first, *track.past, row.answer.segments[number]]
        start = max(step for step, one in enumerate(kept) if one is track.first)  # a reset undoes all before it
        for before, after in pairwise(map(_State.of, kept[start:])):
            lines += _between(before, after, f"segments[{at}][{number}]")
    return lines


def _between(before: _State, after: _State, name: str) -> list[str]:
    """Lines that lead from one state to another: one, unless those between them were too many to be kept."""
    lines = [f"{name} = predictor.segment_anyway({name})"] if before.rejected and not after.rejected else []
    if after.layer is not None and after.layer != before.layer:
        lines.append(f"{name} = predictor.reground({name}, {after.layer})")
    new = after.clicks[len(before.clicks) :]
    calls = [f"np.array([{point!r}]), np.array([{label}])" for point, label in new]
    if after.box is not None and after.box != before.box:
        first = calls[0] if calls else "np.zeros((0, 2)), np.zeros(0, int)"
        calls[:1] = [f"{first}, box=np.array({after.box!r})"]
    return lines + [f"{name} = predictor.refine({name}, {given})" for given in calls]


def _chosen(placement: Placement) -> dict[str, object]:
    """The fields of a placement that are not as they would be."""
    plain = asdict(Placement())
    return {one.name: value for one in fields(placement) if (value := getattr(placement, one.name)) != plain[one.name]}
