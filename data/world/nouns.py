"""Small English: articles, plurals, numbers, and how a thing is called."""

from collections.abc import Sequence

_PLURALS = {
    "bus": "buses",
    "cactus": "cactuses",
    "fish": "fish",
    "knife": "knives",
    "leaf": "leaves",
    "strawberry": "strawberries",
    "wrench": "wrenches",
}
NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
)


def plural(noun: str) -> str:
    """ "cup" -> "cups"; of a phrase the last word ("red cup" -> "red cups")."""
    head, _, last = noun.rpartition(" ")
    many = _PLURALS.get(last, last + "s")
    return f"{head} {many}" if head else many


def a(noun: str) -> str:
    """The noun with "a" or "an" before it."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def upper(text: str) -> str:
    """The first letter as a capital."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """The first letter small."""
    return text[:1].lower() + text[1:]


def listed(parts: Sequence[str]) -> str:
    """ "x", "x and y", "x, y and z"."""
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
