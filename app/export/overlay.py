"""The picture with its masks drawn over it, one a question."""

from collections.abc import Iterator

from app.export.base import File, Talk, png
from data.drawing import colour, overlay

TITLE = "Overlay"
ABOUT = "The picture with the masks of each answer drawn over it, as PNG. To look at: fill and outline hide pixels."
REPLACED = True


def files(talk: Talk) -> Iterator[File]:
    """``overlay.png``; of several answers ``overlay-01.png`` and so on."""
    for number, row in enumerate(talk.answered, start=1):
        masks, inks = [one.mask for _, one in row.found], [colour(ink) for ink, _ in row.found]
        drawn = overlay(talk.image, masks, colours=inks)
        yield File(single(talk) or f"overlay-{number:02d}.png", png(drawn))


def single(talk: Talk) -> str | None:
    """One answer has one."""
    return "overlay.png" if len(talk.answers) == 1 else None
