"""What is to be written, from what: every released weight is used, or named with the reason why not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from model.convert._keys import Place, place, plain
from model.convert._reading import Key, Reader

ADAPTER = re.compile(r"(.*)\.lora_([AB])(?:\.default)?\.weight")
LISTED = 40  # names in an error; a person who needs more needs another checkpoint


@dataclass(frozen=True)
class Store:
    """Weights of one origin: the release, the base model, CLIP or SAM."""

    where: Path
    keys: Sequence[Key]


@dataclass(frozen=True)
class Adapter:
    """Keys of A ``(r, in)`` and B ``(out, r)`` of a low-rank update ``scale B A`` (Hu et al. 2021, section 4.1)."""

    a: Key
    b: Key
    scale: float


@dataclass(frozen=True)
class Unused:
    """A released weight that goes nowhere, and why."""

    file: str
    name: str
    reason: str


@dataclass(frozen=True)
class Move:
    """One tensor of the result. Without a key it is a constant: the identity if it has two dimensions, else zero."""

    place: Place
    shape: tuple[int, ...]
    dtype: torch.dtype
    key: Key | None
    adapter: Adapter | None = None

    @property
    def name(self) -> str:
        """In its part."""
        return self.place.name

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.dtype.itemsize * torch.Size(self.shape).numel()

    def values(self, reader: Reader) -> torch.Tensor:
        """What is written: the released numbers in their own dtype, an adapter merged in float32."""
        if self.key is None:
            return (
                torch.eye(*self.shape, dtype=self.dtype)
                if len(self.shape) == 2
                else torch.zeros(self.shape, dtype=self.dtype)
            )
        weight = reader.tensor(self.key)
        if self.adapter is None:
            return weight
        a, b = reader.tensor(self.adapter.a).float(), reader.tensor(self.adapter.b).float()
        return (weight.float() + self.adapter.scale * (b @ a)).to(self.dtype)


@dataclass(frozen=True)
class Found:
    """What the stores hold: the key of each place, adapters by the place of what they change, the rest."""

    keys: dict[Place, Key]
    adapters: dict[Place, dict[str, Key]]
    unused: list[Unused]

    @property
    def shapes(self) -> dict[Place, tuple[int, ...]]:
        """The shape at each place."""
        return {where: key.shape for where, key in self.keys.items()}


def find(stores: Sequence[Store]) -> Found:
    """Account for every key; of two stores that hold the same the earlier counts.

    Raises:
        ValueError: a key is unknown, or twice in a store.
    """
    found = Found({}, {}, [])
    unknown, twice = [], []
    for store in stores:
        mine: set[tuple[Place, str]] = set()
        for key in store.keys:
            name = plain(key.name)
            adapter = ADAPTER.fullmatch(name)
            where = place(f"{adapter[1]}.weight" if adapter else name)
            if where is None:
                unknown.append(key.name)
            elif isinstance(where, str):
                found.unused.append(Unused(key.file.name, key.name, where))
            else:
                side = adapter[2] if adapter else ""
                held = found.adapters.setdefault(where, {}) if adapter else found.keys
                at = side if adapter else where
                if (where, side) in mine:
                    twice.append(key.name)
                elif at in held:
                    found.unused.append(Unused(key.file.name, key.name, f"{stores[0].where.name} has its own"))
                else:
                    held[at] = key  # type: ignore[index]  # by side or by place
                mine.add((where, side))
    problems = [("does not know", unknown), ("finds more than once", twice)]
    said = [f"{what} {_names(names)}" for what, names in problems if names]
    if said:
        raise ValueError(f"{stores[0].where}: the conversion {' and '.join(said)}: is it a release of this system?")
    return found


def plan(found: Found, expected: Mapping[Place, tuple[int, ...]], alpha: float | None, where: Path) -> list[Move]:
    """The tensors to write, in the order in which they are read, constants last.

    Args:
        found: in the stores.
        expected: what our model has: shapes by place.
        alpha: of the adapters; None if there must be none.
        where: for errors.

    Raises:
        ValueError: weights are missing, extra, of another shape, or no floating-point numbers; they are listed.
    """
    keys = found.keys
    constant = _constants(found, expected)
    missing = [f"{p.part} {p.name}" for p in expected if p not in keys and p not in constant]
    extra = [key.name for p, key in keys.items() if p not in expected]
    wrong = [
        f"{key.name} {list(key.shape)} {str(key.dtype).removeprefix('torch.')} instead of {list(expected[p])}"
        for p, key in keys.items()
        if p in expected and (key.shape != expected[p] or not key.dtype.is_floating_point)
    ]
    adapters: dict[Place, Adapter] = {}
    for p, sides in found.adapters.items():
        shape = expected.get(p, ())
        names = [key.name for key in sides.values()]
        a, b = sides.get("A"), sides.get("B")
        if alpha is None or not shape:
            extra += names
        elif a is None or b is None:
            missing.append(f"the other half of {names[0]}")
        elif len(a.shape) != 2 or (b.shape, a.shape) != ((shape[0], a.shape[0]), (a.shape[0], shape[-1])):
            wrong.append(f"{a.name} {list(a.shape)} and {b.name} {list(b.shape)} for {list(shape)}")
        else:
            adapters[p] = Adapter(a, b, alpha / a.shape[0])
    problems = [("missing", missing), ("extra", extra), ("of another shape", wrong)]
    said = [f"{what}: {_names(names)}" for what, names in problems if names]
    if said:
        raise ValueError(f"{where}: its weights do not fit its configuration; {'; '.join(said)}")
    moves = [Move(p, key.shape, key.dtype, key, adapters.get(p)) for p, key in keys.items()]
    return moves + [Move(p, expected[p], dtype, None) for p, dtype in constant.items()]


def _constants(found: Found, expected: Mapping[Place, tuple[int, ...]]) -> dict[Place, torch.dtype]:
    """Tensors that no release has. A projector of one layer becomes one of two: the second changes nothing."""
    made = {}
    first = found.keys.get(Place("backbone", "model.multi_modal_projector.linear_1.weight"))
    if first is not None and linear(first):
        made = {p: first.dtype for p in expected if p.name.startswith("model.multi_modal_projector.linear_2.")}
    average = Place("policy", "average")  # of rewards; only training reads it, and a release does not have it
    return {**made, average: torch.float32} if average in expected else made


def linear(first: Key) -> bool:
    """Whether a projector whose first weight this is has one layer."""
    return plain(first.name) == "model.mm_projector.weight"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
