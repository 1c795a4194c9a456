"""What a picture shows, as facts: each thing with its visible area, box and centre. Computed once for a picture."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data import masks as masks_io
from data.sample import RLE
from data.world.nouns import a
from data.world.scene import Scene


@dataclass(frozen=True)
class Seen:
    """One thing as it shows.

    Attributes:
        index: its place in ``scene.things``.
        kind, colour, size: as the scene says.
        area: its visible pixels.
        left, top, right, bottom: the box around them, original pixels, right and bottom exclusive.
        x, y: their centre, original pixels.
    """

    index: int
    kind: str
    colour: str
    size: str
    area: int
    left: int
    top: int
    right: int
    bottom: int
    x: float
    y: float

    @property
    def span(self) -> int:
        """The longer side of its box."""
        return max(self.right - self.left, self.bottom - self.top)


@dataclass(frozen=True)
class View:
    """The facts of one picture.

    Attributes:
        split: the scene's.
        height, width: original pixels.
        things: ``things[i]`` shows as ``masks[i]``.
        masks: ``(N, H, W)`` bool, original pixels.
        loose: questions about it come in words that no table has (:mod:`data.world.loose`); for training alone.
    """

    split: str
    height: int
    width: int
    things: tuple[Seen, ...]
    masks: NDArray[np.bool_]
    loose: bool = False

    @property
    def reach(self) -> int:
        """The picture's longer side; margins are shares of it."""
        return max(self.height, self.width)

    @cached_property
    def kinds(self) -> Counter[str]:
        """How many things there are of each kind."""
        return Counter(thing.kind for thing in self.things)

    @cached_property
    def colours(self) -> Counter[str]:
        """How many things there are of each colour."""
        return Counter(thing.colour for thing in self.things)

    @cached_property
    def pairs(self) -> Counter[tuple[str, str]]:
        """How many things there are of each (colour, kind)."""
        return Counter((thing.colour, thing.kind) for thing in self.things)

    @cached_property
    def _rles(self) -> dict[int, RLE]:
        return {}

    def rle(self, index: int) -> RLE:
        """The mask of a thing as COCO RLE; encoded when first asked for."""
        if index not in self._rles:
            self._rles[index] = masks_io.encode(self.masks[index])
        return self._rles[index]

    def name(self, index: int) -> str:
        """Colour and kind, with the size where another thing has both in common ("red cup", "small red cup")."""
        thing = self.things[index]
        pair = f"{thing.colour} {thing.kind}"
        return f"{thing.size} {pair}" if self.pairs[thing.colour, thing.kind] > 1 else pair

    def what(self, index: int | None, colour: bool = True) -> str:
        """What a thing is, to follow its mark ("is a red cup"); empty for no thing."""
        if index is None:
            return ""
        thing = self.things[index]
        return f"is {a(f'{thing.colour} {thing.kind}' if colour else thing.kind)}"

    def ordered(self, indices: frozenset[int]) -> tuple[int, ...]:
        """From left to right by centre."""
        return tuple(sorted(indices, key=lambda index: (self.things[index].x, self.things[index].y, index)))


def view_of(scene: Scene, masks: NDArray[np.bool_]) -> View:
    """The facts of a scene rendered as ``masks`` ``(N, H, W)`` bool, the visible pixels of each thing.

    Raises:
        ValueError: a thing shows nowhere.
    """
    bits = masks.view(np.uint8)
    columns = bits.sum(axis=1, dtype=np.int32)  # (N, W)
    rows = bits.sum(axis=2, dtype=np.int32)  # (N, H)
    areas = columns.sum(axis=1)
    if not areas.all():
        raise ValueError(f"Scene {scene.split} {scene.seed}: a thing is wholly hidden.")
    xs = columns @ np.arange(scene.width) / areas
    ys = rows @ np.arange(scene.height) / areas
    seen = []
    for index, thing in enumerate(scene.things):
        across, down = np.flatnonzero(columns[index]), np.flatnonzero(rows[index])
        seen.append(
            Seen(
                index=index,
                kind=thing.kind,
                colour=thing.colour,
                size=thing.size,
                area=int(areas[index]),
                left=int(across[0]),
                top=int(down[0]),
                right=int(across[-1]) + 1,
                bottom=int(down[-1]) + 1,
                x=float(xs[index]),
                y=float(ys[index]),
            )
        )
    return View(scene.split, scene.height, scene.width, tuple(seen), masks)
