"""Each mask as a PNG of its own."""

from collections.abc import Iterator

from app.export.base import File, Found, Talk, png, slug

TITLE = "Masks"
ABOUT = "Each mask as a PNG of the picture's size, white where the thing is. Exact. What is not there has no file."
REPLACED = True


def files(talk: Talk) -> Iterator[File]:
    """``mask-01-the-red-cup.png`` and so on, numbered through all answers."""
    for number, one in enumerate(talk.found, start=1):
        yield File(_name(number, one), png(one.segment.mask))


def single(talk: Talk) -> str | None:
    """A single mask has one."""
    return _name(1, talk.found[0]) if len(talk.found) == 1 else None


def _name(number: int, one: Found) -> str:
    return f"mask-{number:02d}-{slug(one.segment.phrase)}.png"
