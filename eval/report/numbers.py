"""The numbers of ``results.json`` as a table, and the rest of it as facts about them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

TABLED = ("questions", "numbers", "intervals", "kinds")


def title(values: Mapping[str, Any]) -> str:
    """What was evaluated, in a few words."""
    words = [str(values[key]) for key in ("benchmark", "split", "checkpoint") if values.get(key)]
    return ", ".join(words) or "Answers"


def numbers(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """``columns`` and ``rows``, their values in words: all questions, with intervals, and then each kind, the worst
    first. None where there are no numbers."""
    found = values.get("numbers")
    if not isinstance(found, Mapping) or not found:
        return None
    names = list(found)
    between = values.get("intervals") or {}
    whole = [[_text(found[name]), *_between(between.get(name))] for name in names]
    kinds = sorted((values.get("kinds") or {}).items(), key=lambda item: _order([item[1].get(name) for name in names]))
    rows = [["overall", [_text(values.get("questions"))], *whole]]
    rows += [[kind, *([_text(of.get(name))] for name in ("questions", *names))] for kind, of in kinds]
    return {"columns": ["asked", *names], "rows": rows}


def facts(values: Mapping[str, Any]) -> list[list[str]]:
    """What else is said of the numbers: name and value."""
    made = [list(pair) for key, value in values.items() if key not in TABLED for pair in _facts(key, value)]
    level = (values.get("intervals") or {}).get("level")
    if level:
        made.insert(0, ["intervals", f"{level:.0%}, bootstrap by picture"])
    return made


def _facts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _facts(f"{key} {name}", inner)
    elif value not in (None, [], False):
        yield key.replace("_", " "), value if isinstance(value, str) else json.dumps(value)


def _text(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _between(interval: list[float] | None) -> list[str]:
    return [f"{interval[0]:.3f} – {interval[1]:.3f}"] if interval else []


def _order(found: list[float | None]) -> float:
    """The first number that there is."""
    return next((number for number in found if number is not None), 2.0)
