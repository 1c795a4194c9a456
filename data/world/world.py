"""The drawn world as a dataset: scene, picture, questions, all from a split and a number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

import numpy as np
from numpy.typing import NDArray

from data.sample import Sample, Turn
from data.world.compose import compose
from data.world.forms import ALL, FORMS
from data.world.palette import COLOURS
from data.world.questions import settle
from data.world.render import render
from data.world.scene import SIZES, Scene
from data.world.splits import check_split
from data.world.things import KINDS
from data.world.view import View, view_of

__all__ = ["FORMS", "SceneFacts", "World"]

DENSE = "list"
TRIES = 60


@dataclass(frozen=True)
class SceneFacts:
    """A picture and the truth of its pixels.

    Attributes:
        image: ``(H, W, 3)`` uint8, RGB.
        masks: ``(N, H, W)`` bool, the visible pixels of each thing; disjoint.
        kinds, colours, sizes: ``(N,)`` int64, indices into ``KINDS``, the names of ``COLOURS`` and ``SIZES``.
    """

    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    kinds: NDArray[np.int64]
    colours: NDArray[np.int64]
    sizes: NDArray[np.int64]


def picture(split: str, seed: int) -> NDArray[np.uint8]:
    """The picture of a scene, ``(H, W, 3)`` uint8 RGB."""
    return render(compose(split, seed)).image


class World:
    """Scenes ``start`` .. ``start + count - 1`` of a split. Everything is a pure function of split and seed.

    Raises:
        ValueError: no such split, or a count or start below zero.
    """

    def __init__(self, split: str, count: int, start: int = 0) -> None:
        check_split(split)
        if count < 0 or start < 0:
            raise ValueError(f"A world needs a count and a start of at least 0, not {count} and {start}.")
        self.split, self.count, self.start = split, count, start

    def __len__(self) -> int:
        return self.count

    def scene(self, index: int) -> Scene:
        """What is in a scene."""
        return compose(self.split, self._seed(index))

    def view(self, index: int) -> View:
        """The facts of a scene as it shows."""
        scene = self.scene(index)
        return view_of(scene, render(scene).masks)

    def sample(self, index: int) -> Sample:
        """One conversation about one scene, its form drawn from the evaluation mix."""
        seed, view = self._seed(index), self.view(index)
        return self._sample(seed, view, converse(view, self._rng(seed, "sample")))

    def pack(
        self, index: int, conversations: int, forms: Sequence[str] = (), loose: float = 0.0
    ) -> tuple[NDArray[np.uint8], list[Sample]]:
        """One picture ``(H, W, 3)`` uint8 RGB and several independent conversations about it: first one of each of the
        ``forms``, where the picture allows it, then some drawn from the evaluation mix. A share ``loose`` of them is
        put in words that no table has, for training."""
        seed = self._seed(index)
        scene = self.scene(index)
        shown = render(scene)
        view = view_of(scene, shown.masks)
        rng = self._rng(seed, "pack")

        def talk(form: str | None) -> tuple[Turn, ...]:
            return converse(replace(view, loose=loose > 0 and rng.random() < loose), rng, form)

        talks = [turns for form in forms[:conversations] if (turns := talk(form))]
        talks += [talk(None) for _ in range(conversations - len(talks))]
        return shown.image, [self._sample(seed, view, turns, f"-{number:02d}") for number, turns in enumerate(talks)]

    def facts(self, index: int) -> SceneFacts:
        """The picture with the mask, kind, colour and size of each thing."""
        scene = self.scene(index)
        shown = render(scene)
        colours = tuple(COLOURS)
        return SceneFacts(
            image=shown.image,
            masks=shown.masks,
            kinds=np.array([KINDS.index(thing.kind) for thing in scene.things], dtype=np.int64),
            colours=np.array([colours.index(thing.colour) for thing in scene.things], dtype=np.int64),
            sizes=np.array([SIZES.index(thing.size) for thing in scene.things], dtype=np.int64),
        )

    def texts(self, count: int) -> Iterator[str]:
        """``count`` questions and answers in turn, from the scenes in order and over again."""
        given = 0
        for round_number in range(count):
            for index in range(len(self)):
                _, samples = self.pack(index, 12, (DENSE,) if round_number == 0 else ())
                for turn in (turn for sample in samples for turn in sample.turns):
                    for text in (turn.question, turn.answer):
                        if given == count:
                            return
                        given += 1
                        yield text

    def _seed(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"There is no scene {index} among {self.count}.")
        return self.start + index

    def _rng(self, seed: int, use: str) -> Random:
        return Random(f"{use} of the drawn world {self.split} {seed}")

    def _sample(self, seed: int, view: View, turns: tuple[Turn, ...], ending: str = "") -> Sample:
        name = f"{self.split}-{seed:06d}{ending}"
        return Sample(name, partial(picture, self.split, seed), (view.height, view.width), turns)


def converse(view: View, rng: Random, form: str | None = None) -> tuple[Turn, ...]:
    """A conversation about a picture: of one form, or of one drawn by its share of the evaluation mix. A form that the
    picture does not allow gives way to another; listing everything is always allowed."""
    names, shares = list(ALL), [entry.share for entry in ALL.values()]
    for _ in range(TRIES):
        chosen = form or rng.choices(names, shares)[0]
        proposals = ALL[chosen].propose(view, rng)
        if proposals is None:
            continue
        turns = tuple(turn for proposal in proposals if (turn := settle(view, proposal)) is not None)
        if len(turns) == len(proposals):
            return turns
    return converse(view, rng, DENSE) if form is None else ()
