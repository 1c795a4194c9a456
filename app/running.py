"""Servers of ours as processes beside this one: at a free port, waited for, and ended with all that they have started.

The pictures of the docs, the benchmarks and the tests use it.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from app.arguments import ROOT

PATIENCE = 120.0  # seconds that a server may take to begin
GOODBYE = 30.0  # seconds that it may take to end
PAGE = "/_stcore/health"  # answers when a page of Streamlit's is ready
HEALTH = {"app": PAGE, "serve": "/health"}


class Server(NamedTuple):
    """A running server: its address, its port, and its process's number."""

    url: str
    port: int
    process: int


def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinpoint(
    command: str, *words: str, environment: Mapping[str, str] | None = None
) -> contextlib.AbstractContextManager[Server]:
    """A ``pinpoint app`` or ``pinpoint serve``; as :func:`started`."""
    return started([sys.executable, "-m", "app.cli", command, *words, "--port"], HEALTH[command], environment)


@contextlib.contextmanager
def started(
    words: Sequence[str], health: str = PAGE, environment: Mapping[str, str] | None = None, patience: float = PATIENCE
) -> Iterator[Server]:
    """A server for as long as it is needed. What it prints goes where errors go.

    Args:
        words: its command, to which the port is added.
        health: a path that answers 200 when it is ready.
        environment: variables beside this process's own.
        patience: seconds that it may take to begin.

    Raises:
        RuntimeError: it has ended at once, or takes longer.
    """
    port = free_port()
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    variables = {**os.environ, "PYTHONPATH": path, **(environment or {})}
    process = subprocess.Popen([*words, str(port)], cwd=ROOT, env=variables, stdout=2, start_new_session=True)
    try:
        end = time.monotonic() + patience
        while not _answers(port, health):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended at once, with {process.returncode}: what it printed says why")
            if time.monotonic() > end:
                raise RuntimeError(f"the server did not begin within {patience:g} s")
            time.sleep(0.1)
        yield Server(f"http://127.0.0.1:{port}", port, process.pid)
    finally:
        _end(process)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that leads a group, and the group: at first by asking."""
    _tell(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GOODBYE)
    _tell(process, signal.SIGKILL)  # it, or what it has left behind
    process.wait()


def _tell(process: "subprocess.Popen[bytes]", what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # nobody is left
        os.killpg(process.pid, what)
