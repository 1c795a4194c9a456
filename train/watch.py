"""Notices that a run comes apart, before the step that would spoil its weights."""

import math
from collections import deque
from statistics import median

SEEN = 100  # steps whose losses are compared with
FEWEST = 20  # before that any finite loss is right


class Watch:
    """Compares the loss of each step with those of the last ones.

    Args:
        times: a loss above so many times the median of the last SEEN steps is one that explodes; 0: none is.
        least: what the median counts as at least, for losses that are about 0 as long as all is well.
    """

    def __init__(self, times: float, least: float = 0.0) -> None:
        self.times, self.least = times, least
        self._seen: deque[float] = deque(maxlen=SEEN)

    def wrong(self, loss: float) -> str | None:
        """What is wrong with the loss of a step, in words; None if nothing is, and then it is among those compared
        with."""
        if not math.isfinite(loss):
            return f"the loss became {loss}"
        if self.times and len(self._seen) >= FEWEST:
            usual = median(self._seen)
            if loss > self.times * max(abs(usual), self.least):
                return f"the loss rose to {loss:.6g}, from {usual:.6g} in the last {len(self._seen)} steps"
        self._seen.append(loss)
        return None
