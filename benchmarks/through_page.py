"""The page as a way of :mod:`benchmarks.crowd`: each session a tab with a picture of its own, uploaded as a file."""

import base64
import contextlib
import html
import io
import re
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from PIL import Image

from app.canvas import encoded
from app.running import pinpoint
from benchmarks.tab import Tab, canvas
from data import masks
from model.tokens import MARK

if TYPE_CHECKING:
    from benchmarks.crowd import Given, History, Talk

WAITS = re.compile(r"Waiting: (\d+) question")
FREED = 180.0  # seconds that the pictures of closed tabs may take to go: the page keeps them two minutes
HELD = re.compile(r'^cache_memory_bytes\{cache_type="UploadedFileManager"[^}]*\} (\d+)', re.MULTILINE)


class Page:
    """A page's server with a tab for each session.

    Args:
        url: of the page.
        process: whose memory, and its children's, is told.
    """

    def __init__(self, url: str, process: int) -> None:
        self._url, self._process = url, process
        self._tabs: dict[int, Tab] = {}
        self._waited: dict[int, int] = {}

    def begin(self, image: np.ndarray, history: "History", session: int) -> None:
        """Open the tab; where a conversation begins, bring the picture, and see that it is this one that is shown."""
        if session not in self._tabs:
            self._tabs[session] = Tab(self._url)
        if history:
            return
        tab, name = self._tabs[session], f"picture of session {session}.png"
        data = io.BytesIO()
        Image.fromarray(image).save(data, "PNG")
        tab.upload(name, data.getvalue())
        tab.until(lambda: tab.still and canvas(tab).get("name") == name and not canvas(tab)["masks"])
        if tab.fetch("GET", canvas(tab)["picture"]) != encoded(image)[0]:
            raise RuntimeError("the page shows another picture than was given")

    def ask(self, image: np.ndarray, question: str, history: "History", session: int) -> "Given":
        """Type the question, and wait as the browser does until the answer and its masks are there."""
        from benchmarks.crowd import Given

        tab, before = self._tabs[session], canvas(self._tabs[session])["turn"]
        self._waited[session] = 0

        def look() -> None:
            found = WAITS.search(" ".join(tab.said()))
            self._waited[session] = max(self._waited[session], int(found[1]) if found else 0)

        tab.type(question)
        tab.until(lambda: tab.still, look)
        said = tab.said()
        if not said or "role='alert'" in said[0] or canvas(tab)["turn"] == before:
            raise RuntimeError(_text(said[0]) if said else "the page does not answer")
        return Given(_bare(_text(said[0])), tuple(_rle(one["png"]) for one in canvas(tab)["masks"]))

    def place(self, session: int) -> int:
        """How many questions the page said were before this session's last one."""
        return self._waited.get(session, 0)

    def memory(self) -> int:
        """Resident bytes of the page's server."""
        return resident(self._process)

    def held(self) -> int:
        """Bytes of uploaded pictures that the server holds, as it tells."""
        with urllib.request.urlopen(f"{self._url}/_stcore/metrics", timeout=60) as reply:
            return sum(int(number) for number in HELD.findall(reply.read().decode()))

    def close(self, session: int) -> None:
        """Close a tab; the session's next question opens another."""
        if (tab := self._tabs.pop(session, None)) is not None:
            tab.close()

    def freed(self, patience: float = FREED) -> dict[str, float]:
        """Close all tabs; how much of their pictures the server held then, and the seconds until all were gone: a
        session that comes later finds nobody's."""
        held, begin = self.held(), time.monotonic()
        for session in list(self._tabs):
            self.close(session)
        left = held
        while left and time.monotonic() < begin + patience:
            time.sleep(min(2.0, patience / 10))
            left = self.held()
        return {"held": held, "left": left, "after s": round(time.monotonic() - begin, 1)}


def as_shown(asked: "Sequence[Talk]") -> "list[Talk]":
    """The same with the answers as a page shows them: their words without marks, and without spaces, which HTML
    folds."""
    return [
        replace(talk, known=tuple(replace(one, text=_bare(MARK.sub("", one.text))) for one in talk.known))
        for talk in asked
    ]


@contextlib.contextmanager
def served(checkpoint: Path) -> Iterator[Page]:
    """A ``pinpoint app`` started for this."""
    with pinpoint("app", "--checkpoint", str(checkpoint.absolute())) as server:
        yield Page(server.url, server.process)


def resident(process: int) -> int:
    """Bytes of main memory that a process and its children hold."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [psutil.Process(process), *psutil.Process(process).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    return total


def _rle(address: str | None) -> object:
    if address is None:
        return None
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as drawn:
        return masks.encode(np.asarray(drawn) != 0)


def _text(body: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", body))


def _bare(text: str) -> str:
    return "".join(text.split())
