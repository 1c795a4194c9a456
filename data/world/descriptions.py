"""What a question asks for, as a small typed logical form. :mod:`data.world.solver` says which things satisfy it."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["left", "right", "above", "below"]
Order = Literal["biggest", "smallest", "leftmost", "rightmost", "topmost", "lowest"]
Where = Literal["left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right"]

DIRECTIONS: tuple[Direction, ...] = ("left", "right", "above", "below")
OPPOSITE: dict[Direction, Direction] = {"left": "right", "right": "left", "above": "below", "below": "above"}
ORDERS: tuple[Order, ...] = ("biggest", "smallest", "leftmost", "rightmost", "topmost", "lowest")
SIDES: tuple[Where, ...] = ("left", "right", "top", "bottom")
CORNERS: tuple[Where, ...] = ("top left", "top right", "bottom left", "bottom right")


@dataclass(frozen=True)
class Anything:
    """Every thing."""


@dataclass(frozen=True)
class Kind:
    """Things of one of these kinds. ``perhaps``: kinds that some would count and others not."""

    names: frozenset[str]
    perhaps: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Colour:
    """Things of a colour."""

    name: str


@dataclass(frozen=True)
class Place:
    """Things in a half, a corner or the middle of the picture."""

    where: Where


@dataclass(frozen=True)
class Beside:
    """Things that lie in a direction from the one thing that ``anchor`` describes."""

    direction: Direction
    anchor: "Description"


@dataclass(frozen=True)
class Not:
    """Things that do not satisfy ``inner``."""

    inner: "Description"


@dataclass(frozen=True)
class And:
    """Things that satisfy all parts."""

    parts: tuple["Description", ...]


@dataclass(frozen=True)
class Sized:
    """The small or the large ones among some."""

    size: Literal["small", "large"]
    among: "Description"


@dataclass(frozen=True)
class Most:
    """The one that comes first in an order among some."""

    order: Order
    among: "Description"


@dataclass(frozen=True)
class Nearest:
    """The one among some that is nearest to the one thing that ``anchor`` describes."""

    anchor: "Description"
    among: "Description"


@dataclass(frozen=True)
class Count:
    """Exactly so many, described together."""

    number: int
    among: "Description"


@dataclass(frozen=True)
class It:
    """The thing that the conversation has just been about."""

    index: int


Description = Anything | Kind | Colour | Place | Beside | Not | And | Sized | Most | Nearest | Count | It


def kind(name: str) -> Kind:
    """Things of one kind."""
    return Kind(frozenset({name}))


def pair(colour: str, name: str) -> And:
    """Things of a colour and a kind."""
    return And((Colour(colour), kind(name)))
