"""The table as text and as JSON."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.harness import Result, Spread
from data.provenance import commit

# from this magnitude on, in this scale, under this name
SCALES = {
    "s": ((1.0, 1.0, "s"), (1e-4, 1e-3, "ms"), (0.0, 1e-6, "us")),
    "B": ((1e9, 1e9, "GB"), (1e6, 1e6, "MB"), (0.0, 1e3, "kB")),
    "%": ((0.0, 1.0, "%"),),
    "1/s": ((0.0, 1.0, "/s"),),
}
HEADS = ("item", "case", "ours", "direct", "times", "note")


def environment(device: torch.device) -> dict[str, str | int | float]:
    """What the figures depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "commit": commit(),
        "device": name,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": version("transformers"),
    }


def text(results: Iterable[Result]) -> str:
    """Rows in columns: the median, and the least and the greatest in brackets where there were several runs."""
    rows = [HEADS, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS) - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.item,
        result.case,
        figure(result.ours, result.unit),
        figure(result.direct, result.unit) if result.direct else "",
        "" if result.ratio is None else f"{result.ratio:.2g}" if result.ratio < 10 else f"{result.ratio:.0f}",
        result.note,
    )


def figure(spread: Spread, unit: str) -> str:
    """In the unit that suits the median: "0.35 ms (0.33 .. 0.41)"."""
    if not unit:
        return f"{spread.median:,.0f}"
    scale, name = next((scale, name) for least, scale, name in SCALES[unit] if abs(spread.median) >= least)
    shown = f"{_short(spread.median / scale)} {name}"
    if spread.runs == 1:
        return shown
    return f"{shown} ({_short(spread.low / scale)} .. {_short(spread.high / scale)})"


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "CPU"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "CPU")
