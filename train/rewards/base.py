"""What a reward is given: a question with its truth, and what was answered and drawn."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.sample import Turn
from eval.metrics import match

OPEN, CLOSE = "<think>", "</think>"


@dataclass(frozen=True)
class Mark:
    """One mark of an answer: the words that name it, and its mask ``(H, W)`` bool, or None where it is ``<REJ>``. Where
    coordinates stand for it, its ``box`` XYXY, if it has one, and ``points`` XY, original pixels."""

    phrase: str
    mask: np.ndarray | None
    box: tuple[float, ...] | None = None
    points: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Answered:
    """One answer.

    Attributes:
        turn: the question, with its targets.
        text: all that was written, with its marks.
        stop: "end" (the model ended it) or "length" (it was cut).
        marks: of the answer proper, in its order; those inside of the thinking are none.
        truth: for each target its mask ``(H, W)`` bool, or None where it is not in the picture.
        void: ``(H, W)`` bool, pixels that count neither way, or None.
        thinks: the text begins inside ``<think>``, which the chat template has opened.
    """

    turn: Turn
    text: str
    stop: str
    marks: tuple[Mark, ...]
    truth: tuple[np.ndarray | None, ...]
    void: np.ndarray | None = None
    thinks: bool = False

    @property
    def thought(self) -> str:
        """What was thought, closed or not."""
        return self.text.partition(CLOSE)[0].strip() if self.thinks else ""

    @property
    def answer(self) -> str:
        """What was said; "" if the thinking never ended."""
        return self.text.partition(CLOSE)[2].strip() if self.thinks else self.text.strip()

    @property
    def rejections(self) -> int:
        """How many of the absent targets are answered by a rejection; one after the name of what is there answers
        none."""
        targets = self.turn.targets
        absent = [target.phrase.lower() for target in targets if target.absent]
        there = {target.phrase.lower() for target in targets if not target.absent} - set(absent)
        rejected = sum(mark.mask is None and mark.phrase.lower() not in there for mark in self.marks)
        return min(rejected, len(absent))

    @cached_property
    def matched(self) -> list[tuple[int, int, float]]:
        """(number of the mark, number of the target, IoU) of the ``<SEG>``s and the targets in the picture, one to one,
        with the largest sum of IoUs (Hungarian)."""
        drawn = [(number, mark.mask) for number, mark in enumerate(self.marks) if mark.mask is not None]
        there = [(number, mask) for number, mask in enumerate(self.truth) if mask is not None]
        pairs = match([mask for _, mask in drawn], [mask for _, mask in there], self.void)
        return [(drawn[i][0], there[j][0], iou) for i, j, iou in pairs]
