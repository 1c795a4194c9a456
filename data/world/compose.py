"""Makes up a scene: what lies where. A pure function of the split and the seed."""

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.world.backdrops import BACKDROPS
from data.world.palette import COLOURS
from data.world.scene import SIZES, Scene, Thing
from data.world.splits import HELD_OUT, HELD_OUT_COLOUR, check_split
from data.world.sprite import Sprite, sprite
from data.world.things import FAMILY_OF, KINDS, drawings

SHAPES = ((256, 256), (256, 192), (192, 256), (256, 144), (144, 256), (240, 208), (208, 240), (224, 256), (256, 224))
"""Heights and widths of the pictures."""
EXTENTS = {"small": (32, 38), "medium": (50, 58), "large": (76, 90)}
"""Least and greatest extent of each size, pixels; the gaps between them keep the sizes apart."""
MAX_ANGLE = 16
KEPT = 0.6
"""Share of its own pixels that a covered thing keeps."""
LEAST_COVER = 0.1
LEAST_PIXELS = 120
GAP = 3
"""Pixels between things that do not overlap."""
REPEAT_KIND, REPEAT_COLOUR, OVERLAPPING = 0.4, 0.35, 0.5
TRIES = 40
ATTEMPTS = 50


@dataclass(frozen=True)
class Idea:
    """A thing before it has a place."""

    kind: str
    colour: str
    size: str


def compose(split: str, seed: int) -> Scene:
    """The scene of a split with this seed. Splits never share a generator, so they share no scene.

    Every thing is whole inside the picture, keeps at least :data:`KEPT` of its pixels and :data:`LEAST_PIXELS` of them
    visible, and no two things have kind, colour and size in common. No kind and no colour is more likely than another.

    Raises:
        ValueError: no such split.
    """
    check_split(split)
    rng = random.Random(f"drawn world {split} {seed}")
    height, width = rng.choice(SHAPES)
    count = rng.randint(9, 13) if split == "test_crowd" else rng.randint(2, 8)
    backdrop = rng.choice(BACKDROPS)
    for attempt in range(ATTEMPTS):
        ideas = _ideas(rng, split, count, all_small=attempt >= 5)
        things = _Table(rng, height, width, overlapping=rng.random() < OVERLAPPING).lay(ideas)
        if things is not None:
            return Scene(split, seed, height, width, backdrop, things)
    raise RuntimeError(f"no room for {count} things in a picture of {height} x {width} pixels")


def _ideas(rng: random.Random, split: str, count: int, all_small: bool) -> list[Idea]:
    """Kinds, colours and sizes, no two ideas alike, with repeated kinds and colours so that questions have rivals."""
    weights = (0.3, 0.4, 0.3) if count <= 4 else (0.35, 0.45, 0.2) if count <= 8 else (0.6, 0.33, 0.07)
    if all_small:
        weights = (1.0, 0.0, 0.0)
    ideas: list[Idea] = []
    while len(ideas) < count:
        kind = rng.choice(KINDS)
        if ideas and rng.random() < REPEAT_KIND:
            kind = rng.choice(ideas).kind
        if split == "test_compose" and len(ideas) % 2 == 0:
            colour = HELD_OUT_COLOUR[kind]
        else:
            colour = _allowed_colour(rng, kind, ideas)
        idea = Idea(kind, colour, rng.choices(SIZES, weights)[0])
        if idea not in ideas:
            ideas.append(idea)
    rng.shuffle(ideas)
    return ideas


def _allowed_colour(rng: random.Random, kind: str, ideas: list[Idea]) -> str:
    """A colour, often one that is already there, never the one held out for this kind."""
    while True:
        colour = rng.choice(tuple(COLOURS))
        if ideas and rng.random() < REPEAT_COLOUR:
            colour = rng.choice(ideas).colour
        if (colour, kind) not in HELD_OUT:
            return colour


class _Table:
    """Lays things on an empty picture one after the other, each on top of those before it."""

    def __init__(self, rng: random.Random, height: int, width: int, overlapping: bool) -> None:
        self.rng = rng
        self.height, self.width = height, width
        self.overlapping = overlapping
        self.things: list[Thing] = []
        self.owner = np.full((height, width), -1, dtype=np.int16)
        self.near = np.zeros((height, width), dtype=np.bool_)  # within GAP of a thing
        self.whole: list[int] = []  # pixels of each thing when nothing covers it
        self.visible: list[int] = []
        self.crossed: set[int] = set()  # things that cover or are covered

    def lay(self, ideas: list[Idea]) -> tuple[Thing, ...] | None:
        """Places all ideas, a smaller one where it does not fit; None when one does not fit at all."""
        for number, idea in enumerate(ideas):
            taken = {Idea(t.kind, t.colour, t.size) for t in self.things} | set(ideas[number + 1 :])
            sizes = (idea.size, *reversed(SIZES[: SIZES.index(idea.size)]))
            smaller = (replace(idea, size=size) for size in sizes)
            if not any(self._place(one) for one in smaller if one not in taken):
                return None
        return tuple(self.things)

    def _place(self, idea: Idea) -> bool:
        thing = self._made(idea)
        stamp = sprite(thing)
        if int(stamp.solid.sum()) < LEAST_PIXELS:
            return False
        if self.overlapping and self.things and self.rng.random() < 0.45 and self._lay_over(thing, stamp):
            return True
        left, top, right, bottom = stamp.box
        low_x, high_x = 1 - left - stamp.left, self.width - 1 - right - stamp.left
        low_y, high_y = 1 - top - stamp.top, self.height - 1 - bottom - stamp.top
        if low_x > high_x or low_y > high_y:
            return False
        for _ in range(TRIES):
            x, y = round(self.rng.uniform(low_x, high_x)), round(self.rng.uniform(low_y, high_y))
            if self._free(x, y, stamp):
                self._put(replace(thing, x=float(x), y=float(y)), stamp)
                return True
        return False

    def _made(self, idea: Idea) -> Thing:
        """A thing of this idea, with no place yet."""
        rng = self.rng
        return Thing(
            kind=idea.kind,
            family=FAMILY_OF[idea.kind],
            colour=idea.colour,
            drawing=rng.randrange(len(drawings(idea.kind))),
            size=idea.size,
            x=0.0,
            y=0.0,
            extent=float(rng.randint(*EXTENTS[idea.size])),
            angle=float(rng.randint(-MAX_ANGLE, MAX_ANGLE)),
            flip=rng.random() < 0.5,
        )

    def _lay_over(self, thing: Thing, stamp: Sprite) -> bool:
        """Tries to cover a part of a thing that is there already."""
        under = self._target(thing)
        if under is None:
            return False
        target = self.things[under]
        reach = (thing.extent + target.extent) / 2
        for _ in range(TRIES // 2):
            x = round(target.x + self.rng.uniform(-reach, reach))
            y = round(target.y + self.rng.uniform(-reach, reach))
            if not self._inside(x, y, stamp):
                continue
            covered = self._covered(x, y, stamp)
            if covered[under] >= LEAST_COVER * self.whole[under] and self._bearable(covered):
                self.crossed |= {len(self.things), *(int(index) for index in np.flatnonzero(covered))}
                self._put(replace(thing, x=float(x), y=float(y)), stamp)
                return True
        return False

    def _target(self, thing: Thing) -> int | None:
        """A thing to cover: not of the same kind and colour, and as yet in no overlap, so that no heaps arise."""
        open_ones = [
            index
            for index, other in enumerate(self.things)
            if index not in self.crossed and (other.kind, other.colour) != (thing.kind, thing.colour)
        ]
        return self.rng.choice(open_ones) if open_ones else None

    def _inside(self, x: float, y: float, stamp: Sprite) -> bool:
        column, row = stamp.corner(x, y)
        left, top, right, bottom = stamp.box
        fits_across = column + left >= 0 and column + right <= self.width
        return fits_across and row + top >= 0 and row + bottom <= self.height

    def _window(self, x: float, y: float, stamp: Sprite) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
        """Where the sprite's box lies in the picture, and its mask there."""
        column, row = stamp.corner(x, y)
        left, top, right, bottom = stamp.box
        here = slice(row + top, row + bottom), slice(column + left, column + right)
        return here, stamp.solid[top:bottom, left:right]

    def _free(self, x: float, y: float, stamp: Sprite) -> bool:
        if not self._inside(x, y, stamp):
            return False
        here, solid = self._window(x, y, stamp)
        return not (self.near[here] & solid).any()

    def _covered(self, x: float, y: float, stamp: Sprite) -> NDArray[np.int64]:
        """How many visible pixels of each thing the sprite would hide."""
        here, solid = self._window(x, y, stamp)
        return np.bincount(self.owner[here][solid] + 1, minlength=len(self.things) + 1)[1:]

    def _bearable(self, covered: NDArray[np.int64]) -> bool:
        left = np.asarray(self.visible) - covered
        return bool(((left >= KEPT * np.asarray(self.whole)) & (left >= LEAST_PIXELS)).all())

    def _put(self, thing: Thing, stamp: Sprite) -> None:
        if self.things:
            hidden = self._covered(thing.x, thing.y, stamp)
            self.visible = [seen - int(less) for seen, less in zip(self.visible, hidden, strict=True)]
        here, solid = self._window(thing.x, thing.y, stamp)
        self.owner[here][solid] = len(self.things)
        for down in (-GAP, 0, GAP):
            for across in (-GAP, 0, GAP):
                rows, part_rows = _moved(here[0], down, self.height)
                columns, part_columns = _moved(here[1], across, self.width)
                self.near[rows, columns] |= solid[part_rows, part_columns]
        self.things.append(thing)
        self.whole.append(int(solid.sum()))
        self.visible.append(int(solid.sum()))


def _moved(window: slice, by: int, end: int) -> tuple[slice, slice]:
    """The window moved and cut to 0 .. ``end``, and the part of the window that remains, in its own frame."""
    start, stop = window.start + by, window.stop + by
    cut = slice(max(0, start), min(end, stop))
    return cut, slice(cut.start - start, cut.stop - start)
