"""The one thing every dataset gives: a picture and a conversation about it, with its true masks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SEG = "<SEG>"  # "here is one target"
REJ = "<REJ>"  # "that is not in the image"

RLE = dict[str, Any]  # COCO run-length encoding: {"size": [h, w], "counts": str}, column-major, compressed


@dataclass(frozen=True)
class Target:
    """One thing a question asks for.

    Attributes:
        phrase: how the answer names it ("the red cup").
        rle: its mask in original pixels, or None when it is not in the picture (answered ``<REJ>``).
    """

    phrase: str
    rle: RLE | None

    @property
    def absent(self) -> bool:
        return self.rle is None


@dataclass(frozen=True)
class Turn:
    """One question and its answer.

    Attributes:
        question: as a person would type it.
        answer: holds one ``<SEG>`` or ``<REJ>`` for each target, in their order, after the words that name it; empty
            where nobody knows the answer.
        targets: in the order of the answer's marks; empty for a question answered in words alone.
        kind: the kind of question, for reports ("colour", "use", "absent", ...).
    """

    question: str
    answer: str
    targets: tuple[Target, ...]
    kind: str


@dataclass(frozen=True)
class Sample:
    """A picture and one conversation about it.

    Attributes:
        id: unique in its dataset and split; results are ordered by it.
        load: returns the picture, ``(H, W, 3)`` uint8 RGB; called where the pixels are needed (in a worker).
        size: ``(H, W)`` of the picture, original pixels.
        turns: the conversation; a later turn may refer to an earlier one.
        void: pixels that count neither way, or None.
        image: the picture's name, the same for all samples on one picture; empty where each has its own.
    """

    id: str
    load: Callable[[], np.ndarray]
    size: tuple[int, int]
    turns: tuple[Turn, ...]
    void: RLE | None = None
    image: str = ""
