"""Backdrops: calm, of the asked shape, the same every time."""

import numpy as np
import pytest

from data.world.backdrops import BACKDROPS, INDOOR, OUTDOOR, backdrop
from data.world.palette import COLOURS


def test_enough_of_both_sorts() -> None:
    assert len(INDOOR) >= 4
    assert len(OUTDOOR) >= 4


@pytest.mark.parametrize("name", BACKDROPS)
def test_shape_and_repeatability(name: str) -> None:
    one, two = backdrop(name, 60, 100, 12345), backdrop(name, 60, 100, 12345)
    assert one.shape == (60, 100, 3)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, backdrop(name, 60, 100, 54321))


@pytest.mark.parametrize("name", BACKDROPS)
def test_colours_of_things_stand_out(name: str) -> None:
    picture = backdrop(name, 96, 128, 0)
    assert (picture.max(axis=2) - picture.min(axis=2)).max() <= 90  # low saturation
    for colour, paint in COLOURS.items():
        distance = np.linalg.norm(picture - np.asarray(paint), axis=2)
        assert np.quantile(distance, 0.1) > (30 if colour == "white" else 60)
