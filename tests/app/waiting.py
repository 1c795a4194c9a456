"""Work of several at once, and waits for what other threads do."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

PATIENCE = 90.0  # seconds that any of it may take


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it did not happen within {seconds:g} s"
        time.sleep(0.005)


def together(*works: Callable[[], object]) -> list:
    """What works give that run at once; an error is what it raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [outcome(one) for one in [pool.submit(work) for work in works]]


def outcome(one: "Future[Any]") -> Any:
    """What it gave, or raised."""
    error = one.exception(PATIENCE)
    return one.result() if error is None else error
