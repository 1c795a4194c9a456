"""The splits of the drawn world, and the pairs of colour and kind that training never sees."""

import zlib

from data.world.palette import COLOURS
from data.world.things import FAMILIES

SPLITS = ("train", "val", "test", "test_phrasing", "test_compose", "test_crowd")


def _held_out_colour(family: str, kind: str) -> str:
    """The colours go round within a family, from a start that its name decides: adding a family moves no other."""
    colours = tuple(COLOURS)
    start = zlib.crc32(f"spared {family}".encode())
    return colours[(start + sorted(FAMILIES[family]).index(kind)) % len(colours)]


HELD_OUT_COLOUR: dict[str, str] = {
    kind: _held_out_colour(family, kind) for family, kinds in FAMILIES.items() for kind in kinds
}
"""kind -> the one colour it has in no split but test_compose."""

HELD_OUT: frozenset[tuple[str, str]] = frozenset((colour, kind) for kind, colour in HELD_OUT_COLOUR.items())
"""(colour, kind) pairs kept for test_compose."""


def check_split(split: str) -> None:
    """Raises ValueError when there is no such split."""
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r} in the drawn world; choose one of {', '.join(SPLITS)}.")
