"""Pages that run for browser tests, and a look at all that they do."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def served(words, environment=None):
    """A running page of this command, to which the port is added; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **(environment or {})}
    server = subprocess.Popen([*words, str(port)], cwd=ROOT, env=surroundings, start_new_session=True)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail("the page did not start within a minute")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)


def by_rule():
    """A page whose engine answers by rule."""
    words = [sys.executable, "-m", "streamlit", "run", str(ROOT / "tests" / "app" / "ruled.py")]
    words += ["--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false"]
    return served([*words, "--server.port"])


class Watched:
    """A browser's page, with the errors that it logs, the hosts that it asks and what it sends to the server."""

    def __init__(self, page):
        self.page, self.errors, self.outside, self.sent = page, [], [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("websocket", lambda socket: socket.on("framesent", lambda data: self.sent.append(data)))
        page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url):
        if "127.0.0.1" not in url and not url.startswith(("data:", "blob:")):
            self.outside.append(url)

    def close(self):
        """Close it; nothing may have gone wrong, and nothing may have left this machine."""
        self.page.close()
        assert self.errors == [] and self.outside == []


def ask(page, question):
    """Type a question and wait for what comes of it to be drawn."""
    page.get_by_placeholder("Ask about the picture").fill(question)
    page.keyboard.press("Enter")
    page.get_by_test_id("stChatMessage").nth(1).wait_for(timeout=60_000)
