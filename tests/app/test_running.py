"""Servers beside a process: they are waited for, and nothing of them is left."""

import sys
import urllib.request

import psutil
import pytest

from app.running import started
from tests.app.waiting import until

# Starts another process, says which, and serves.
SERVER = """
import http.server, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
class Says(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
        self.wfile.write(str(child.pid).encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Says).serve_forever()
"""


def lives(process):
    """Whether it runs; one that has ended may be listed until somebody asks what became of it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_server_is_waited_for_and_ends_with_what_it_has_started():
    with started([sys.executable, "-c", SERVER], "/ready") as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        with urllib.request.urlopen(f"{server.url}/ready", timeout=10) as reply:
            both = [psutil.Process(server.process), psutil.Process(int(reply.read()))]
        assert all(one.is_running() for one in both)
    until(lambda: not any(map(lives, both)), 10)


def test_a_server_that_ends_at_once_or_never_begins_is_told():
    with pytest.raises(RuntimeError, match="ended at once, with 3"), started([sys.executable, "-c", "exit(3)"]):
        pass
    never = [sys.executable, "-c", SERVER]
    with pytest.raises(RuntimeError, match=r"did not begin within 0\.5 s"), started(never, "/other", patience=0.5):
        pass
