"""Pictures and their exact masks."""

import numpy as np
import pytest

from data.world.backdrops import backdrop
from data.world.compose import compose
from data.world.palette import COLOURS
from data.world.render import render
from data.world.scene import Scene, Thing

BELOW = Thing("ball", "toy", "red", 0, "large", 70.0, 60.0, 80.0, 0.0, False)
ABOVE = Thing("ball", "toy", "blue", 0, "large", 110.0, 60.0, 80.0, 0.0, False)
PAIR = Scene("train", 0, 120, 180, "room", (BELOW, ABOVE))


def test_shapes_and_types() -> None:
    picture = render(PAIR)
    assert picture.image.shape == (120, 180, 3)
    assert picture.image.dtype == np.uint8
    assert picture.masks.shape == (2, 120, 180)
    assert picture.masks.dtype == np.bool_


def test_the_upper_thing_hides_the_lower() -> None:
    both, alone = render(PAIR).masks, render(Scene("train", 0, 120, 180, "room", (BELOW,))).masks[0]
    assert both[1].sum() > both[0].sum()
    assert np.array_equal(both[0], alone & ~both[1])
    assert (alone & both[1]).sum() > 500


def test_masks_show_the_things_colour() -> None:
    picture = render(PAIR)
    for mask, thing in zip(picture.masks, PAIR.things, strict=True):
        mean = picture.image[mask].mean(axis=0)
        distances = {name: float(np.linalg.norm(mean - np.asarray(rgb))) for name, rgb in COLOURS.items()}
        assert min(distances, key=distances.__getitem__) == thing.colour


def test_far_from_the_things_there_is_only_backdrop() -> None:
    empty = render(Scene("train", 0, 120, 180, "room", ())).image
    full = render(PAIR).image
    assert np.array_equal(empty[:, :20], full[:, :20])
    assert np.array_equal(empty[:, 165:], full[:, 165:])


@pytest.mark.parametrize("seed", range(6))
def test_masks_are_disjoint_and_rendering_repeats(seed: int) -> None:
    scene = compose("test_crowd", seed)
    first, second = render(scene), render(scene)
    assert first.masks.sum(axis=0).max() == 1
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.masks, second.masks)


def test_a_thing_may_reach_over_the_edge() -> None:
    out = Scene("train", 0, 60, 60, "rug", (Thing("ball", "toy", "red", 0, "large", 0.0, 0.0, 80.0, 0.0, False),))
    mask = render(out).masks[0]
    assert mask.sum() == pytest.approx(np.pi * 39.4**2 / 4, rel=0.05)


def test_backdrop_is_left_unpainted() -> None:
    before = backdrop("room", 120, 180, 0).copy()
    render(PAIR)
    assert np.array_equal(before, backdrop("room", 120, 180, 0))
