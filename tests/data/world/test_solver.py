"""The solver against pictures whose answers are plain to see."""

import pytest

from data.world.descriptions import (
    And,
    Anything,
    Beside,
    Colour,
    Count,
    Description,
    It,
    Kind,
    Most,
    Nearest,
    Not,
    Place,
    Sized,
    kind,
    pair,
)
from data.world.solver import solve
from tests.data.world.board import Block, board

RED_CUP: Block = ("red", "cup", "small", 5, 10, 20, 25)  # 0: top left
LAMP: Block = ("red", "lamp", "large", 40, 35, 65, 60)  # 1: middle
BLUE_CUP: Block = ("blue", "cup", "large", 70, 70, 98, 98)  # 2: bottom right
KEY: Block = ("blue", "key", "small", 2, 80, 22, 90)  # 3: bottom left
VIEW = board(RED_CUP, LAMP, BLUE_CUP, KEY)


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (Anything(), {0, 1, 2, 3}),
        (kind("cup"), {0, 2}),
        (kind("sofa"), set()),
        (Kind(frozenset({"cup", "key"})), {0, 2, 3}),
        (Kind(frozenset({"cup"}), perhaps=frozenset({"key"})), None),
        (Kind(frozenset({"cup"}), perhaps=frozenset({"sofa"})), {0, 2}),
        (Colour("blue"), {2, 3}),
        (pair("red", "cup"), {0}),
        (pair("blue", "lamp"), set()),
        (Not(kind("cup")), {1, 3}),
        (And((kind("cup"), Not(Colour("red")))), {2}),
        (Sized("small", kind("cup")), {0}),
        (Sized("large", kind("key")), set()),
        (And((kind("cup"), Place("top left"))), {0}),
        (Place("top left"), None),  # the lamp's centre is too near the lines
        (Place("middle"), {1}),
        (And((kind("cup"), Place("right"))), {2}),
        (And((kind("cup"), Place("bottom left"))), set()),
        (And((kind("cup"), Beside("left", kind("lamp")))), {0}),
        (And((kind("lamp"), Beside("left", kind("key")))), set()),
        (Beside("above", kind("key")), {0, 1}),
        (Beside("left", kind("cup")), None),  # which cup?
        (Beside("left", kind("sofa")), set()),
        (Beside("below", It(3)), set()),
        (Most("biggest", Anything()), {2}),  # 784 pixels against 625
        (Most("biggest", kind("cup")), {2}),
        (Most("smallest", kind("cup")), {0}),
        (Most("leftmost", Anything()), None),  # the cup and the key are level
        (Most("rightmost", Anything()), {2}),
        (Most("topmost", Colour("blue")), None),  # level
        (Most("topmost", kind("cup")), {0}),
        (Most("lowest", kind("lamp")), None),  # one alone
        (Most("lowest", kind("sofa")), set()),
        (Nearest(kind("key"), Not(kind("key"))), {1}),
        (Nearest(kind("key"), kind("cup")), None),
        (Nearest(kind("key"), kind("sofa")), set()),
        (Count(2, kind("cup")), {0, 2}),
        (Count(3, kind("cup")), None),
        (Count(3, kind("sofa")), set()),
    ],
)
def test_plain_answers(description: Description, expected: set[int] | None) -> None:
    assert solve(VIEW, description) == (None if expected is None else frozenset(expected))


def test_mirrored_pictures_mirror_the_answers() -> None:
    flipped = board(
        *((c, k, s, 100 - r, t, 100 - left, b) for c, k, s, left, t, r, b in (RED_CUP, LAMP, BLUE_CUP, KEY))
    )
    for there, here in (("left", "right"), ("right", "left"), ("above", "above"), ("below", "below")):
        for anchor in ("lamp", "key"):
            assert solve(VIEW, Beside(there, kind(anchor))) == solve(flipped, Beside(here, kind(anchor)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("top", "expected"), [(50, {0}), (25, {0}), (15, None), (0, None)])
def test_left_of_by_angle(top: int, expected: set[int] | None) -> None:
    """The cup's centre is 28 pixels left of the lamp's and 50 - top above it: 0, 42, 51 and 61 degrees off."""
    view = board(("red", "cup", "small", 52, top, 72, top + 10), ("red", "lamp", "small", 80, 50, 100, 60))
    found = solve(view, And((kind("cup"), Beside("left", kind("lamp")))))
    assert found == (None if expected is None else frozenset(expected))


def test_size_words_need_a_clear_difference() -> None:
    medium = board(("red", "cup", "medium", 0, 0, 20, 20), ("red", "key", "large", 50, 50, 90, 90))
    assert solve(medium, Sized("small", kind("cup"))) is None
    among = board(("red", "cup", "medium", 0, 0, 20, 20), ("blue", "cup", "large", 50, 50, 90, 90))
    assert solve(among, Sized("large", kind("cup"))) == frozenset({1})
    assert solve(among, Sized("small", kind("cup"))) is None
    close = board(("red", "cup", "medium", 0, 0, 20, 20), ("blue", "cup", "large", 50, 50, 72, 72))
    assert solve(close, Sized("large", kind("cup"))) is None


def test_biggest_needs_area_and_length() -> None:
    long_and_thin = board(("red", "cup", "small", 0, 0, 90, 8), ("blue", "cup", "large", 30, 30, 70, 70))
    assert solve(long_and_thin, Most("biggest", kind("cup"))) is None


def test_specks_are_not_asked_for() -> None:
    view = board(("red", "cup", "small", 0, 0, 9, 9), ("red", "key", "small", 50, 50, 90, 90))
    assert solve(view, kind("cup")) is None
    assert solve(view, kind("key")) == frozenset({1})


def test_far_above_is_not_left_of() -> None:
    view = board(("red", "cup", "small", 72, 0, 92, 10), ("red", "lamp", "small", 80, 50, 100, 60))
    assert solve(view, And((kind("cup"), Beside("left", kind("lamp"))))) == frozenset()  # 81 degrees off
