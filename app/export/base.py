"""What every format is made from: a picture, its name, and what was asked and answered."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from app.drawn import packed
from app.session import Exchange
from model.answer import Answer, Segment


class File(NamedTuple):
    """A file to take away: its name, with ``/`` between folders, and its bytes."""

    name: str
    data: bytes


class Found(NamedTuple):
    """A thing that an answer names, present or not: its question, and ``label``, its words."""

    question: str
    segment: Segment
    label: str


@dataclass(frozen=True)
class Talk:
    """A conversation about one picture. It holds the arrays that it is given: they are not to change.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        name: what a person calls it.
        exchanges: questions with their answers, in order.
    """

    image: np.ndarray
    name: str
    exchanges: tuple[Exchange, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """``(H, W)`` in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def answered(self) -> list[Exchange]:
        """The exchanges with an answer."""
        return [row for row in self.exchanges if row.answer is not None]

    @property
    def answers(self) -> list[Answer]:
        """The answers that were given."""
        return [row.answer for row in self.exchanges if row.answer is not None]

    @cached_property
    def named(self) -> list[Found]:
        """All that the answers name, in order."""
        return [
            Found(row.question, segment, segment.phrase or "this")
            for row in self.exchanges
            if row.answer is not None
            for segment in row.answer.segments
        ]

    @property
    def found(self) -> list[Found]:
        """Of these, what has a mask."""
        return [one for one in self.named if not one.segment.rejected]

    @property
    def rejected(self) -> list[Found]:
        """Of these, what is not in the picture."""
        return [one for one in self.named if one.segment.rejected]

    @property
    def stem(self) -> str:
        """The name as that of a file, without an ending; none that another file of ours has."""
        plain = re.sub(r"\.(png|jpe?g|webp|gif|bmp|tiff?)$", "", PurePosixPath(self.name).name, flags=re.I)
        made = slug(plain, "picture")
        taken = made in ("overlay", "coco", "coco-polygons") or re.match(r"(mask|overlay)-\d", made)
        return f"picture-{made}" if taken else made

    @cached_property
    def picture(self) -> File:
        """The picture that the masks lie on, pixel for pixel: upright, RGB."""
        return File(f"{self.stem}.png", png(self.image))


def png(pixels: np.ndarray) -> bytes:
    """``(H, W)`` bool, ``(H, W)`` uint8 or ``(H, W, 3)`` uint8 as PNG; true is white."""
    return packed(Image.fromarray(pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels), "PNG")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make a folder if need be; what cannot be written inside the block becomes one plain line.

    Raises:
        ValueError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ValueError(f"{folder} cannot be written ({error.strerror or error}); name another folder") from error


def slug(phrase: str, nothing: str = "mask") -> str:
    """A phrase as part of a file name; ``nothing`` if none of its letters can be."""
    return re.sub(r"[^a-z0-9]+", "-", phrase.lower()).strip("-")[:40].strip("-") or nothing
