"""Benchmarks, one file a family, found by name. A file has ``BENCHMARKS``, a tuple of them."""

import difflib
import textwrap

from data.plugins import Plugins
from data.templates.asking import PLAIN
from eval.benchmarks.base import Benchmark, Questions
from eval.protocols import MARK

__all__ = ["Benchmark", "Questions", "add", "available", "every", "find", "listing"]

_families = Plugins(__name__, __path__, "family of benchmarks")
available, load, add = _families.available, _families.load, _families.add


def every() -> dict[str, Benchmark]:
    """All benchmarks by name, families in alphabetical order."""
    return {made.name: made for family in available() for made in load(family).BENCHMARKS}


def find(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        ValueError: there is none; the near one is suggested.
    """
    known = every()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"no benchmark {name!r}: {hint}")
    return known[name]


def listing() -> str:
    """What there is, for people: benchmarks with their splits and protocols, then what each protocol reports."""
    known = every().values()
    rows = [("BENCHMARK", "SPLITS", "PROTOCOLS (the first is the default)")]
    rows += [(one.name, ", ".join(one.splits), ", ".join(rules.name for rules in one.protocols)) for one in known]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:{wide[0]}}  {splits:{wide[1]}}  {protocols}" for name, splits, protocols in rows]
    for protocol in {rules.name: rules for one in known for rules in one.protocols}.values():
        lines += ["", f"{protocol.name}: {', '.join(number.name for number in protocol.numbers)}"]
        lines += textwrap.wrap(f"of {protocol.asked}", 116, initial_indent="    ", subsequent_indent="    ")
        lines += textwrap.wrap(protocol.source, 116, initial_indent="    ", subsequent_indent="    ")
    lines += ["", f"PROTOCOL{MARK}WORDING asks in the words of another system's evaluation: {', '.join(PLAIN)}."]
    return "\n".join(lines)
