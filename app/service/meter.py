"""What the model has been asked, what became of it, and how long it took: as numbers, and as Prometheus reads them."""

import os
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import numpy as np

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)  # seconds
WINDOW = 1000  # of each stage the newest, for percentiles
EVENTS = ("asked", "answered", "failed", "refused", "left", "late", "fallbacks")


class Meter:
    """Counts what happens, from any thread. ``stages`` are "wait" (for its turn), "whole" (with the wait), and what an
    answer's own timings name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: Counter[tuple[str, str]] = Counter()
        self._times: dict[str, deque[float]] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def count(self, event: str, kind: str) -> None:
        """One more of an event of :data:`EVENTS`, for what kind of request."""
        with self._lock:
            self._events[event, kind] += 1

    def time(self, seconds: Mapping[str, float]) -> None:
        """How long the stages of one request took."""
        with self._lock:
            for stage, value in seconds.items():
                self._times.setdefault(stage, deque(maxlen=WINDOW)).append(value)
                self._buckets.setdefault(stage, [0] * (len(BOUNDS) + 1))[bisect_left(BOUNDS, value)] += 1
                self._sums[stage] = self._sums.get(stage, 0.0) + value

    def total(self, event: str) -> int:
        """How often an event has happened, to requests of all kinds."""
        with self._lock:
            return sum(count for (name, _), count in self._events.items() if name == event)

    def numbers(self) -> dict[str, Any]:
        """Every event's count, and of each stage the newest :data:`WINDOW`'s percentiles in seconds."""
        with self._lock:
            times = {stage: list(values) for stage, values in self._times.items()}
        made: dict[str, Any] = {event: self.total(event) for event in EVENTS}
        made["seconds"] = {
            stage: {f"p{part}": round(float(np.percentile(values, part)), 4) for part in (50, 90, 99)}
            for stage, values in times.items()
        }
        return made

    def prometheus(self, gauges: Mapping[str, float]) -> str:
        """The text that a Prometheus server scrapes (its exposition format, 0.0.4), with values of the moment."""
        lines = []
        with self._lock:
            for event in EVENTS:
                lines.append(f"# TYPE pinpoint_{event}_total counter")
                kinds = {kind: count for (name, kind), count in sorted(self._events.items()) if name == event}
                lines += [f'pinpoint_{event}_total{{kind="{kind}"}} {count}' for kind, count in kinds.items()]
            lines.append("# TYPE pinpoint_seconds histogram")
            for stage, counts in sorted(self._buckets.items()):
                up_to = np.cumsum(counts)
                for bound, number in zip((*BOUNDS, "+Inf"), up_to, strict=True):
                    lines.append(f'pinpoint_seconds_bucket{{stage="{stage}",le="{bound}"}} {number}')
                lines.append(f'pinpoint_seconds_sum{{stage="{stage}"}} {self._sums[stage]:.6f}')
                lines.append(f'pinpoint_seconds_count{{stage="{stage}"}} {up_to[-1]}')
        for name, value in gauges.items():
            lines += [f"# TYPE pinpoint_{name} gauge", f"pinpoint_{name} {value:g}"]
        return "\n".join(lines) + "\n"


def resident() -> int:
    """Bytes of main memory that this process holds; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
