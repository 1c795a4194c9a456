"""Pages that run for browser tests, and a look at all that they do."""

import sys
from pathlib import Path

from app import running

CALM = {"OMP_NUM_THREADS": "1"}


def real(checkpoint, *words, **environment):
    """A running ``pinpoint app``."""
    return running.pinpoint("app", "--checkpoint", str(checkpoint), *words, environment={**CALM, **environment})


def script(file):
    """A running page of a script's own."""
    words = [sys.executable, "-m", "streamlit", "run", str(file), "--server.address", "127.0.0.1"]
    words += ["--server.headless", "true", "--browser.gatherUsageStats", "false", "--server.port"]
    return running.started(words, environment=CALM)


def by_rule():
    """A running page whose engine answers by rule."""
    return script(Path(__file__).with_name("ruled.py"))


HERE = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


class Watched:
    """A browser's page, with the errors that it logs, what is refused to it, the hosts that it asks and what it sends
    to the server."""

    def __init__(self, page):
        self.page, self.errors, self.outside, self.sent = page, [], [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("response", lambda r: self.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("websocket", lambda socket: socket.on("framesent", lambda data: self.sent.append(data)))
        page.on("request", lambda r: self.outside.append(r.url) if not r.url.startswith(HERE) else None)

    def close(self):
        """Close it; nothing may have gone wrong, and nothing may have left this machine."""
        self.page.close()
        assert self.errors == [] and self.outside == []


def fits(page):
    """Whether nothing is wider than the screen."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def ask(page, question):
    """Type a question and wait for what comes of it to be drawn."""
    page.get_by_placeholder("Ask about the picture").fill(question)
    page.keyboard.press("Enter")
    page.get_by_test_id("stChatMessage").nth(1).wait_for(timeout=60_000)
