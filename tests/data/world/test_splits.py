"""The held-out pairs: one colour of each kind, the colours in turn."""

from collections import Counter

import pytest

from data.world.palette import COLOURS
from data.world.splits import HELD_OUT, HELD_OUT_COLOUR, SPLITS, check_split
from data.world.things import FAMILIES, KINDS


def test_one_colour_of_each_kind_is_held_out() -> None:
    assert Counter(kind for _, kind in HELD_OUT) == Counter(KINDS)
    assert all((colour, kind) in HELD_OUT for kind, colour in HELD_OUT_COLOUR.items())


def test_every_colour_is_held_out_about_equally_often() -> None:
    counts = Counter(colour for colour, _ in HELD_OUT)
    assert set(counts) == set(COLOURS)
    assert max(counts.values()) - min(counts.values()) <= 2


def test_kinds_of_one_family_differ_in_their_held_out_colour() -> None:
    for kinds in FAMILIES.values():
        assert len({HELD_OUT_COLOUR[kind] for kind in kinds}) == len(kinds)


def test_unknown_split() -> None:
    for split in SPLITS:
        check_split(split)
    with pytest.raises(ValueError, match="test_crowd"):
        check_split("tets")
