"""By size: "the small cup"."""

from random import Random
from typing import Literal

from data.templates.phrases import SIZE_WORDS
from data.world.absent import absent_kind
from data.world.descriptions import Sized, kind
from data.world.questions import ABSENT, Form, Proposal, one
from data.world.solver import solve
from data.world.view import View
from data.world.wording import either, the

SIZES: tuple[Literal["small", "large"], ...] = ("small", "large")


def by_size(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """Asks only where small and large could each be asked for, there and not there, so the word says nothing."""
    here: dict[str, list[tuple[str, int]]] = {"small": [], "large": []}
    lacking: dict[str, list[str]] = {"small": [], "large": []}
    for name in view.kinds:
        for size in SIZES:
            found = solve(view, Sized(size, kind(name)))
            if found is not None and len(found) == 1:
                here[size].append((name, min(found)))
            if found == frozenset():
                lacking[size].append(name)
    if not all(here[size] and lacking[size] for size in SIZES):
        return None
    size = rng.choice(SIZES)
    if rng.random() < ABSENT:
        elsewhere = absent_kind(view, rng) if rng.random() < 0.3 else None
        name, index = elsewhere or rng.choice(lacking[size]), None
    else:
        rivals = [(name, index) for name, index in here[size] if view.kinds[name] > 1]
        name, index = rng.choice(rivals if rivals and rng.random() < 0.6 else here[size])
    word = rng.choice(SIZE_WORDS[size])
    phrase = f"{word} {name}"
    question = either(view, rng, the(phrase), "size", kind=name, size=word, bare=name)
    part = one(Sized(size, kind(name)), index, f"the {phrase}")
    return (Proposal("size", question, (part,), here="there" if name in view.kinds else "here"),)


GROUP = (Form("size", 0.08, 'by size among its kind: "the small cup"', by_size),)
