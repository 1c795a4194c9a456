"""The page in a real Chromium, with a model of random weights behind it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: make test installs it where it may"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running page."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    tiny.model().save_pretrained(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "app.cli", "app", "--port", str(port), "--checkpoint", str(folder)]
    server = subprocess.Popen(words, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True)
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


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [375, 1280])
def test_a_question_is_answered_and_nothing_leaves_this_machine(address, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    errors, outside = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: outside.append(request.url) if "127.0.0.1" not in request.url else None)
    page.goto(address)
    page.get_by_placeholder("Ask about the picture").fill("Where is the <b>red</b> cup?")
    page.keyboard.press("Enter")
    page.get_by_text("Where is the <b>red</b> cup?").wait_for(timeout=60_000)
    page.get_by_text(" s", exact=False).filter(has_text="0.").first.wait_for(timeout=60_000)
    assert errors == []
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
