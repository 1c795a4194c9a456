"""The eight colours stay apart, whatever their jitter."""

import itertools

import numpy as np
import pytest

from data.world.palette import COLOURS, FIXED, JITTER_STEPS, inks, jittered


def test_there_are_eight_colours() -> None:
    assert set(COLOURS) == {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white"}


def test_every_jitter_stays_nearest_to_its_own_colour() -> None:
    for name, step in itertools.product(COLOURS, range(JITTER_STEPS)):
        paint = np.asarray(jittered(name, step), dtype=float)
        distances = {other: float(np.linalg.norm(paint - np.asarray(rgb))) for other, rgb in COLOURS.items()}
        ranked = sorted(distances, key=distances.__getitem__)
        assert ranked[0] == name
        assert distances[ranked[1]] > 2 * distances[name]


def test_the_middle_step_is_the_plain_colour() -> None:
    assert jittered("green", JITTER_STEPS // 2) == COLOURS["green"]
    assert len({jittered("green", step) for step in range(JITTER_STEPS)}) == JITTER_STEPS


@pytest.mark.parametrize("name", COLOURS)
def test_shades_are_ordered_by_brightness(name: str) -> None:
    shades = inks(name)
    assert sum(shades.light) >= sum(shades.body) > sum(shades.dark) > sum(shades.outline)


def test_roles_and_fixed_paints_are_found() -> None:
    assert inks("red").paint("body") == COLOURS["red"]
    assert inks("red").paint("wood") == FIXED["wood"]
