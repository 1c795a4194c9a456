"""Which cell (a fact, a family) to ask about, so that no cell is more often absent than another.

A fact that six kinds answer is absent less often than one that a single kind answers; asked at random, its words would
tell. So the state ("present", "absent") is drawn first, at one rate for all, and then a cell that is in that state in
this scene, with weights that make every cell equally likely in either state. The weights come from simulated scenes by
iterative proportional fitting (Deming and Stephan 1940).
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data.world.compose import REPEAT_KIND
from data.world.things import KINDS

SCENES, ROUNDS = 2000, 40

Test = Callable[[Counter[str]], bool]
"""Whether a cell is in a state, given how many things a scene has of each kind."""


@lru_cache(maxsize=2)
def _simulated(crowd: bool) -> tuple[Counter[str], ...]:
    """How many things of each kind there are in scenes drawn as :mod:`data.world.compose` draws kinds."""
    rng = random.Random("kinds of simulated scenes")
    scenes = []
    for _ in range(SCENES):
        kinds: list[str] = []
        for _ in range(rng.randint(9, 13) if crowd else rng.randint(2, 8)):
            again = bool(kinds) and rng.random() < REPEAT_KIND
            kinds.append(rng.choice(kinds if again else KINDS))
        scenes.append(Counter(kinds))
    return tuple(scenes)


def weights(tests: Sequence[Test], others: Sequence[Test], crowd: bool) -> NDArray[np.float64]:
    """Weights ``(C,)`` of C cells such that a cell drawn among those in the state, in proportion, is each one equally
    often. ``others``: the other state, of which a scene must have a cell too to be asked; ``crowd``: for scenes of the
    crowded split."""
    scenes = _simulated(crowd)
    within = np.array([[test(kinds) for test in tests] for kinds in scenes], dtype=np.float64)
    open_scenes = np.array([any(test(kinds) for test in others) for kinds in scenes])
    within = within[within.any(axis=1) & open_scenes]
    weight = np.ones(len(tests))
    for _ in range(ROUNDS):
        drawn = within * weight
        often = (drawn / drawn.sum(axis=1, keepdims=True)).mean(axis=0) * len(tests)
        weight = np.clip(weight / np.maximum(often, 1e-3), 1e-3, 1e3)
    return weight


def pick(rng: random.Random, tests: Sequence[Test], weight: NDArray[np.float64], kinds: Counter[str]) -> int | None:
    """A cell that is in the state in a scene with these kinds, by weight; None when there is none."""
    open_cells = [cell for cell, test in enumerate(tests) if test(kinds)]
    return rng.choices(open_cells, [float(weight[cell]) for cell in open_cells])[0] if open_cells else None


def choose(
    rng: random.Random, states: tuple[Sequence[Test], Sequence[Test]], crowd: bool, kinds: Counter[str], absent: bool
) -> int | None:
    """A cell that is present, or one that is absent, in a scene with these kinds; None unless the scene has both.

    ``states``: the tests for present and for absent, tuples that live as long as the program.
    """
    here, gone = (pick(rng, states[side], _weights(states, side, crowd), kinds) for side in (0, 1))
    if here is None or gone is None:
        return None
    return gone if absent else here


@lru_cache(maxsize=32)
def _weights(states: tuple[Sequence[Test], Sequence[Test]], side: int, crowd: bool) -> NDArray[np.float64]:
    return weights(states[side], states[1 - side], crowd)
