"""Results as a table for people."""

from collections.abc import Mapping
from typing import Any

Numbers = Mapping[str, Any]


def table(results: Mapping[str, Any]) -> str:
    """What ``results.json`` says: one line over all questions, then one for each kind, the worst first.

    Args:
        results: its ``questions``, ``numbers`` and ``kinds``.
    """
    names = list(results["numbers"])
    kinds = sorted(results["kinds"].items(), key=lambda item: _order([item[1][name] for name in names]))
    rows = [("overall", {"questions": results["questions"], **results["numbers"]}), *kinds]
    first = max(14, *(len(name) + 1 for name, _ in rows))
    widths = [max(8, len(name) + 1) for name in names]
    lines = [f"{'':{first}}{'asked':>7}" + "".join(f"{name:>{w}}" for name, w in zip(names, widths, strict=True))]
    for kind, numbers in rows:
        cells = (_cell(numbers[name], width) for name, width in zip(names, widths, strict=True))
        lines.append(f"{kind:{first}}{numbers['questions']:>7}" + "".join(cells))
    return "\n".join(lines)


def _cell(number: float | None, width: int) -> str:
    return f"{'-' if number is None else f'{number:.3f}':>{width}}"


def _order(numbers: list[float | None]) -> float:
    """The first number that there is."""
    return next((number for number in numbers if number is not None), 2.0)
