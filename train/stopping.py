"""Signals that end a run: what hands them on, and what answers to them."""

import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator

import psutil


class Interrupted(Exception):
    """The run was told to stop before its last step, and has saved its state."""


class Ends:
    """Notes SIGTERM and SIGINT, with which a scheduler or a person ends a run; a SIGINT after that ends it at once."""

    def __init__(self) -> None:
        self.asked = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._note)
            signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, _: object) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True


def end_workers() -> None:
    """End this process's data workers, which are deaf to what asks them politely: without this the process would wait
    for them for ever."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch would take their end for an accident
    for child in multiprocessing.active_children():
        child.kill()


def worker_died(seconds: float = 1.0) -> bool:
    """Whether a data worker of this process has died, or does so within ``seconds``, and nobody has noticed: what it
    was handing over then fails in whatever way the connection was lost (reset, refused, half a message)."""
    until = time.monotonic() + seconds
    with contextlib.suppress(psutil.Error):
        while children := psutil.Process().children():
            if any(child.status() == psutil.STATUS_ZOMBIE for child in children):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
    return False


@contextlib.contextmanager
def handing_on() -> Iterator[None]:
    """Hand SIGTERM and SIGINT on to the training processes below this one. The launcher between would leave them
    behind, or kill them before they have saved; it ends when they do. Where there are none, as on other machines or not
    yet, it is the launcher that is told."""
    told = False

    def hand_on(number: int, _: object) -> None:
        nonlocal told
        own = psutil.Process()
        for process in training(own) or launching(own):
            with contextlib.suppress(psutil.Error):  # of SIGINT a process that is not yet ready dies with a traceback
                process.send_signal(number if told else signal.SIGTERM)
        told = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, hand_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def training(above: psutil.Process) -> list[psutil.Process]:
    """The processes below that run :mod:`train.run`, without their data workers."""
    return _running(above, "train.run")


def launching(above: psutil.Process) -> list[psutil.Process]:
    """The launcher below, and what it has started."""
    found = _running(above, "deepspeed.launcher.runner")
    with contextlib.suppress(psutil.Error):
        return [process for one in found for process in (one, *one.children(recursive=True))]
    return found


def _running(above: psutil.Process, name: str) -> list[psutil.Process]:
    """The processes below that run a module, without their own copies."""
    found: dict[int, tuple[psutil.Process, int]] = {}
    below: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        below = above.children(recursive=True)
    for process in below:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            words = process.cmdline()
            module = words.index(name) if name in words else 0
            if module and words[module - 1] == "-m":  # the launchers name it, too, in another way
                found[process.pid] = process, process.ppid()
    return [process for process, parent in found.values() if parent not in found]
