"""The facts of a picture."""

import numpy as np
import pytest

from data.masks import decode
from tests.data.world.board import board


def test_facts_of_a_rectangle() -> None:
    view = board(("red", "cup", "small", 10, 20, 30, 60), height=80, width=120)
    (cup,) = view.things
    assert (cup.area, cup.left, cup.top, cup.right, cup.bottom) == (20 * 40, 10, 20, 30, 60)
    assert (cup.x, cup.y, cup.span) == (19.5, 39.5, 40)
    assert view.reach == 120


def test_masks_come_back_from_their_run_lengths() -> None:
    view = board(("red", "cup", "small", 10, 20, 30, 60), ("blue", "key", "small", 50, 0, 99, 9))
    for index in range(2):
        assert np.array_equal(decode(view.rle(index)), view.masks[index])


def test_twins_are_told_apart_by_size() -> None:
    view = board(
        ("red", "cup", "small", 0, 0, 12, 12),
        ("red", "cup", "large", 40, 40, 90, 90),
        ("blue", "cup", "large", 0, 80, 20, 99),
    )
    assert [view.name(index) for index in range(3)] == ["small red cup", "large red cup", "blue cup"]
    assert view.ordered(frozenset({0, 1, 2})) == (0, 2, 1)
    assert view.what(2) == "is a blue cup" and view.what(None) == ""


def test_a_hidden_thing_is_an_error() -> None:
    with pytest.raises(ValueError, match="hidden"):
        board(("red", "cup", "small", 5, 5, 5, 5))
