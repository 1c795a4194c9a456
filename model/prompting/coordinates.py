"""Coordinates in text: the model writes boxes and points in its answer, and they prompt any segmenter.

It has no weights: a language model that knows such a form, and a segmenter, go together as they were released. The
forms and their sources are told in :mod:`model.coordinates`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch

from data.geometry import Frame
from data.sample import SEG
from model.coordinates import Box, Reading, Target, place, read, write
from model.prompting.base import ChannelBase, Evidence, Heard, SegPrompts, Spoken
from model.tokens import phrases

_FORM = "Think between <think> and </think> first, then answer between <answer> and </answer> with JSON: {example}"
# What a question is put in. The words are ours, the forms asked for those that the released weights answer in.
WORDINGS = {
    "plain": "{question}",
    "boxes": (
        "{question}\nAnswer with a JSON list that holds for each thing asked for its bounding box and its name, "
        "{example}, and with an empty list if it is not in the picture."
    ),
    "seg_zero": (
        "Look for '{question}'. Weigh the things in the picture against one another and settle on the one that fits "
        f"best: its bounding box, and two points well inside of it. {_FORM}"
    ),
    "vision_reasoner": (
        "Look for '{question}'. Weigh the things in the picture against one another and settle on those that fit: for "
        f"each its bounding box, and a point inside of it. {_FORM}"
    ),
}
EXAMPLES = {
    "plain": "",
    "boxes": '[{"bbox_2d": [x1, y1, x2, y2], "label": "name"}]',
    "seg_zero": '{"bbox": [x1, y1, x2, y2], "points_1": [x, y], "points_2": [x, y]}',
    "vision_reasoner": '[{"bbox_2d": [x1, y1, x2, y2], "point_2d": [x, y]}, ...]',
}
THINKERS = ("seg_zero", "vision_reasoner")


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        frame: what the numbers count: "pixels" of the picture as the backbone resized it (Qwen2.5-VL, Seg-Zero,
            VisionReasoner), or "thousandths" of its sides (Qwen3-VL).
        wording: what a question is put in, by name.
        words: what it is put in instead, with ``{question}`` where it stands. Seg-Zero and VisionReasoner were trained
            with one wording each, which is their authors' and not repeated here: give it for answers like theirs.
        most: targets of an answer that are drawn.
    """

    frame: Literal["pixels", "thousandths"] = "pixels"
    wording: Literal["plain", "boxes", "seg_zero", "vision_reasoner"] = "boxes"
    words: str | None = None
    most: int = 50

    def __post_init__(self) -> None:
        """Raises ValueError for a number that draws nothing, and for words without a question."""
        if self.words is not None and "{question}" not in self.words:
            raise ValueError("coordinates: words must hold {question}, where the question stands")
        if self.most < 1:
            raise ValueError(f"coordinates: most {self.most} must be at least 1")


class Channel(ChannelBase):
    """Listens to the answer; each target that it places is one mask."""

    options: Options
    listens = True

    def forward(self, evidence: Evidence) -> SegPrompts:
        """Refused: there are no marks to speak for.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "a model that writes coordinates has no marks: it answers freely, and its masks come from its words"
        )

    def put(self, question: str) -> str:
        """The question in its wording; in lower case without its last sign for those that think, as published."""
        name = self.options.wording
        if name in THINKERS:
            question = question.lower().strip("." if name == "seg_zero" else '."?!')
        words = self.options.words or WORDINGS[name].replace("{example}", EXAMPLES[name])
        return words.replace("{question}", question)

    def frame(self, pixels: Frame) -> Frame:
        """Original pixels -> the numbers of the text, of a model whose input is ``pixels``."""
        return pixels if self.options.frame == "pixels" else Frame.stretch(pixels.source, (1000, 1000))

    def hear(self, text: str, question: str, frame: Frame) -> Heard:
        """The targets of the answer, each by its label, or by what the question names where it has none. One that is
        not there has no place: the whole picture is its box, should it be drawn anyway."""
        found = read(text)
        notes = list(found.problems)
        targets, lost = place(found.targets, self.frame(frame))
        if lost:
            notes.append(f"{lost} of the answer's targets lie outside the picture")
        if len(targets) > self.options.most:
            notes.append(f"the answer names {len(targets)} targets: the first {self.options.most} are drawn")
            targets = targets[: self.options.most]
        if found.none:
            targets = [Target("", None, (), found.span)]
        asked = phrases(f"{question.strip(' .?!')} {SEG}")[0]
        spans = _tiles(found, targets)
        spoken = (
            Spoken(one.label or asked, one.absent, prompts(one, frame.source), span)
            for one, span in zip(targets, spans, strict=True)
        )
        return Heard(tuple(spoken), tuple(notes))

    def check_taught(self) -> None:
        """See :meth:`ChannelBase.check_taught`.

        Raises:
            ValueError: the wording asks for thoughts, whose words nobody knows.
        """
        if self.options.wording in THINKERS:
            raise ValueError(
                f"coordinates: the wording {self.options.wording!r} has thoughts, which no dataset tells: it learns by "
                "objective: grpo"
            )

    def say(self, labels: Sequence[str], boxes: Sequence[Box | None], frame: Frame) -> str:
        """A list of the boxes, by :func:`model.coordinates.write`."""
        return write(labels, boxes, self.frame(frame))


def prompts(target: Target, size: tuple[int, int]) -> SegPrompts:
    """The box and points of a placed target, all inside, in a picture of ``size`` (H, W); the whole picture where it
    has none."""
    box = target.box or ((-0.5, -0.5, size[1] - 0.5, size[0] - 0.5) if target.absent else None)
    points = torch.tensor(target.points)[None] if target.points else None
    return SegPrompts(
        points=points,
        labels=None if points is None else torch.ones(points.shape[:2], dtype=torch.int64),
        boxes=None if box is None else torch.tensor(box)[None],
    )


def _tiles(found: Reading, targets: list[Target]) -> list[tuple[int, int]]:
    """Each target's share of the characters from the list's begin to its end: from where it stands to where the next
    one does."""
    edges = [found.span[0], *(target.span[0] for target in targets[1:]), found.span[1]]
    return list(pairwise(edges)) if targets else []
