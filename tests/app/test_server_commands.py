"""How the page is started: for this machine alone, and closed to other sites' pages."""

import http.client
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app import server_commands
from app.cli import main
from tests.app import page as pages

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def port(checkpoint, tmp_path_factory):
    """A running page, started in a folder whose settings would open it to everybody."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".streamlit").mkdir()
    careless = (
        "[server]\nenableXsrfProtection = false\nenableCORS = false\nmaxUploadSize = 2000\nallowedHosts = ['*']\n"
    )
    (folder / ".streamlit" / "config.toml").write_text(careless)
    with pages.real(checkpoint, HOME=str(folder)) as server:
        yield server.port


def handshake(port: int, **changed: str) -> int:
    """The status of a websocket's beginning."""
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Origin": f"http://127.0.0.1:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **changed,
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/_stcore/stream", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_page_answers_its_own_and_no_other_site(port):
    assert handshake(port) == 101
    assert handshake(port, Host=f"localhost:{port}", Origin=f"http://localhost:{port}") == 101
    assert handshake(port, Origin="http://evil.example") == 403
    # A name of another's that points here
    assert handshake(port, Host=f"evil.example:{port}", Origin=f"http://evil.example:{port}") == 403


def test_an_upload_needs_the_page_s_own_token(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("PUT", "/_stcore/upload_file/a/b", b"x", {"Content-Type": "text/plain"})
        assert connection.getresponse().status in (400, 403)
    finally:
        connection.close()


def test_what_the_page_s_server_is_told(checkpoint, free_port, monkeypatch):
    told = []
    monkeypatch.setattr(server_commands, "run", lambda words, *_: told.append(words) or 0)
    assert main(["app", "--checkpoint", str(checkpoint), "--port", str(free_port)]) == 0
    options = dict(zip(told[0][5::2], told[0][6::2], strict=True))
    assert options["--server.address"] == "127.0.0.1" and options["--browser.gatherUsageStats"] == "false"
    assert options["--server.enableXsrfProtection"] == options["--server.enableCORS"] == "true"
    assert options["--server.maxUploadSize"] == "20"
    assert told[0].count("--server.allowedHosts") == 3
    assert main(["app", "--checkpoint", str(checkpoint), "--port", str(free_port), "--host", "0.0.0.0"]) == 0
    assert "--server.allowedHosts" not in told[1]  # its name is not known then


def test_a_token_comes_from_a_file_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PINPOINT_TOKEN", "of-the-environment-0")
    (tmp_path / "token").write_text(" of-a-file-0123456789 \n")
    assert server_commands._token(tmp_path / "token") == "of-a-file-0123456789"
    assert server_commands._token(None) == "of-the-environment-0"
    monkeypatch.delenv("PINPOINT_TOKEN")
    assert server_commands._token(None) is None


def test_who_ends_the_command_ends_the_server_too(tmp_path):
    told = tmp_path / "told"
    server = f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(60)"
    command = (
        "import os, pathlib, sys; from app.server_commands import run; "
        f"sys.exit(run([sys.executable, '-c', {server!r}], dict(os.environ), pathlib.Path('.')))"
    )
    process = subprocess.Popen([sys.executable, "-c", command], cwd=ROOT)
    try:
        ended = time.monotonic() + 60
        while not (told.is_file() and told.read_text()) and time.monotonic() < ended:
            time.sleep(0.05)
        child = psutil.Process(int(told.read_text()))
        process.terminate()
        assert process.wait(30) != 0
        assert not child.is_running()
    finally:
        process.kill()
