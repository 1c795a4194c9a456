"""Scenes: what compose promises of every split."""

import itertools
from collections import Counter

import numpy as np
import pytest

from data.world.compose import EXTENTS, KEPT, LEAST_PIXELS, compose
from data.world.palette import COLOURS
from data.world.render import render
from data.world.scene import SIZES, Scene
from data.world.splits import HELD_OUT, SPLITS
from data.world.sprite import sprite
from data.world.things import FAMILY_OF, KINDS

SCENES: dict[str, list[Scene]] = {}


def scenes(split: str) -> list[Scene]:
    return SCENES.setdefault(split, [compose(split, seed) for seed in range(40)])


def test_same_seed_same_scene() -> None:
    assert compose("train", 7) == compose("train", 7)
    assert compose("train", 7) != compose("train", 8)


def test_splits_share_no_scene() -> None:
    facts = [(scene.backdrop, scene.height, scene.width, scene.things) for split in SPLITS for scene in scenes(split)]
    assert len(set(facts)) == len(facts)


def test_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of train"):
        compose("trian", 0)


@pytest.mark.parametrize("split", SPLITS)
def test_number_of_things(split: str) -> None:
    low, high = (9, 13) if split == "test_crowd" else (2, 8)
    counts = {len(scene.things) for scene in scenes(split)}
    assert counts <= set(range(low, high + 1))
    assert len(counts) >= 4


@pytest.mark.parametrize("split", SPLITS)
def test_held_out_pairs(split: str) -> None:
    for scene in scenes(split):
        held = sum((thing.colour, thing.kind) in HELD_OUT for thing in scene.things)
        if split == "test_compose":
            assert 2 * held >= len(scene.things)
        else:
            assert held == 0


@pytest.mark.parametrize("split", SPLITS)
def test_no_two_things_alike(split: str) -> None:
    for scene in scenes(split):
        facts = [(thing.kind, thing.colour, thing.size) for thing in scene.things]
        assert len(set(facts)) == len(facts)


@pytest.mark.parametrize("split", SPLITS)
def test_things_are_whole_and_seen(split: str) -> None:
    for scene in scenes(split)[:25]:
        for thing, mask in zip(scene.things, render(scene).masks, strict=True):
            own = int(sprite(thing).solid.sum())
            column, row = sprite(thing).corner(thing.x, thing.y)
            left, top, right, bottom = sprite(thing).box
            assert column + left >= 0 and row + top >= 0
            assert column + right <= scene.width and row + bottom <= scene.height
            assert mask.sum() >= max(LEAST_PIXELS, KEPT * own)


def test_sizes_lie_apart() -> None:
    assert all(EXTENTS[a][1] + 10 < EXTENTS[b][0] for a, b in itertools.pairwise(SIZES))
    for scene in scenes("train"):
        for thing in scene.things:
            assert EXTENTS[thing.size][0] <= thing.extent <= EXTENTS[thing.size][1]
            assert thing.family == FAMILY_OF[thing.kind]


def test_a_good_share_is_partly_covered() -> None:
    covered = [
        any(
            mask.sum() < 0.92 * sprite(thing).solid.sum() for thing, mask in zip(s.things, render(s).masks, strict=True)
        )
        for s in scenes("train")
    ]
    assert 0.2 <= np.mean(covered) <= 0.8


def test_kinds_and_colours_are_about_equally_frequent() -> None:
    many = [thing for split in ("train", "val", "test") for scene in scenes(split) for thing in scene.things]
    colours = Counter(thing.colour for thing in many)
    assert min(colours[colour] for colour in COLOURS) > 0.5 * len(many) / len(COLOURS)
    assert max(colours.values()) < 1.7 * len(many) / len(COLOURS)
    assert len({thing.kind for thing in many}) >= 0.95 * len(KINDS)


def test_rivals_are_common() -> None:
    repeated = [len({thing.kind for thing in scene.things}) < len(scene.things) for scene in scenes("train")]
    assert 0.4 <= np.mean(repeated) <= 0.95
