"""Coordinates in text: the model writes boxes and points in its answer, and they prompt any segmenter.

It learns nothing: a language model that knows such a form, and a segmenter, go together as they were released. The
forms and their sources are told in :mod:`model.coordinates`.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch

from data.geometry import Frame
from data.sample import SEG
from model.coordinates import Reading, Target, place, read
from model.prompting.base import ChannelBase, Evidence, Heard, SegPrompts, Spoken
from model.tokens import phrases

_THINKS = (
    'Please find "{question}" with bboxs and points.Compare the difference between object(s) and find the most closely '
    "matched object(s).Output the thinking process in <think> </think> and final answer in <answer> </answer> tags."
    "Output the bbox(es) and point(s) inside the interested object(s) in JSON format.i.e., <think> thinking process "
    "here </think><answer>{example}</answer>"
)
_THINKS_OF_ONE = (
    "Please find '{question}' with bbox and points.Compare the difference between objects and find the most closely "
    "matched one.Output the thinking process in <think> </think> and final answer in <answer> </answer> tags."
    "Output the one bbox and points of two largest inscribed circles inside the interested object in JSON format."
    "i.e., <think> thinking process here </think><answer>{example}</answer>"
)
# What a question is put in. Released weights answer in their form to the very words they were trained with: those of
# Seg-Zero (its figure 4) and of VisionReasoner (vision_reasoner_model.py). The others are ours.
WORDINGS = {
    "plain": "{question}",
    "boxes": (
        "{question}\nAnswer with a JSON list that holds for each thing asked for its bounding box and its name, "
        "{example}, and with an empty list if it is not in the picture."
    ),
    "seg_zero": _THINKS_OF_ONE,
    "vision_reasoner": _THINKS,
}
EXAMPLES = {
    "plain": "",
    "boxes": '[{"bbox_2d": [x1, y1, x2, y2], "label": "name"}]',
    "seg_zero": "{'bbox': [10,100,200,210], 'points_1': [30,110], 'points_2': [35,180]}",
    "vision_reasoner": '[{"bbox_2d": [10,100,200,210], "point_2d": [30,110]}, '
    '{"bbox_2d": [225,296,706,786], "point_2d": [302,410]}]',
}
THINKERS = ("seg_zero", "vision_reasoner")


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        frame: what the numbers count: "pixels" of the picture as the backbone resized it (Qwen2.5-VL, Seg-Zero,
            VisionReasoner), or "thousandths" of its sides (Qwen3-VL).
        wording: what a question is put in, by name.
        most: targets of an answer that are drawn.
    """

    frame: Literal["pixels", "thousandths"] = "pixels"
    wording: Literal["plain", "boxes", "seg_zero", "vision_reasoner"] = "boxes"
    most: int = 50

    def __post_init__(self) -> None:
        """Raises ValueError for a number that draws nothing."""
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
            "a model that writes coordinates has none at marks: it answers freely, and learns by objective: grpo"
        )

    def put(self, question: str) -> str:
        """The question in its wording; in lower case without its last sign for those that think, as published."""
        name = self.options.wording
        if name in THINKERS:
            question = question.lower().strip("." if name == "seg_zero" else '."?!')
        return WORDINGS[name].replace("{example}", EXAMPLES[name]).replace("{question}", question)

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
