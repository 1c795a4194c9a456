"""One tab of the page without a browser: it speaks with Streamlit as the browser's script does, protobuf over a
websocket, and holds what the page shows. Twenty of Chromium's would take the two cores for themselves."""

import contextlib
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto import BackMsg_pb2, WidgetStates_pb2
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync import client

COOKIE = "_streamlit_xsrf"
BackMsg: Any = BackMsg_pb2.BackMsg  # their stubs know no dict for a message inside
WidgetState: Any = WidgetStates_pb2.WidgetState
connect: Any = client.connect  # nor strings for the names of protocols
MOST_BYTES = 2**28  # of a message
Path = tuple[int, ...]


class Tab:
    """A session of the page.

    Args:
        url: of the page's server.
        patience: seconds that anything may take.

    Raises:
        OSError: the page is not there.
    """

    def __init__(self, url: str, patience: float = 120.0) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._patience = patience
        self._token = self._cookie()
        self._shown: dict[Path, tuple[str, Any]] = {}  # with the run that has shown it
        self._timers: dict[str, tuple[float, float]] = {}  # of fragments: seconds between runs, and when the next is
        self._given: dict[str, Any] = {}
        self._run = self._session = self._script = ""
        self._running = True
        self._urls: Any = None
        self._socket = self._open()
        self._say(BackMsg(rerun_script={"query_string": ""}))
        self.until(lambda: not self._running and self.element("chat_input") is not None)

    def close(self) -> None:
        """The tab is closed."""
        self._socket.close()

    # What is shown

    def elements(self, kind: str, under: Path = ()) -> list[Any]:
        """The elements of a kind from above to below."""
        return [
            getattr(one.new_element, kind)
            for path, (_, one) in sorted(self._shown.items())
            if path[: len(under)] == under and one.HasField("new_element") and one.new_element.HasField(kind)
        ]

    def element(self, kind: str) -> Any:
        """The last one of a kind, or None."""
        return next(reversed(self.elements(kind)), None)

    def said(self) -> list[str]:
        """The HTML of the last message that is not the person's."""
        places = [
            path
            for path, (_, one) in sorted(self._shown.items())
            if one.HasField("add_block") and one.add_block.HasField("chat_message")
        ]
        return [one.body for one in self.elements("html", places[-1])] if places else []

    @property
    def still(self) -> bool:
        """Nothing runs, and nothing is written."""
        return not self._running and not self._timers

    # What a person does

    def upload(self, name: str, content: bytes) -> None:
        """Choose a file of one's own.

        Raises:
            RuntimeError: the page does not take it.
        """
        widget = self.element("file_uploader")
        self._urls, asked = None, uuid.uuid4().hex
        request = {"request_id": asked, "file_names": [name], "session_id": self._session}
        self._say(BackMsg(file_urls_request=request))
        self.until(lambda: self._urls is not None and self._urls.response_id == asked)
        (urls,) = self._urls.file_urls
        bound = uuid.uuid4().hex
        head = f'--{bound}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        body = f"{head}Content-Type: image/png\r\n\r\n".encode() + content + f"\r\n--{bound}--\r\n".encode()
        self.fetch("PUT", urls.upload_url, body, {"Content-Type": f"multipart/form-data; boundary={bound}"})
        before = self._given.get(widget.id)
        info = {"name": name, "size": len(content), "file_id": urls.file_id, "file_urls": urls}
        state = WidgetState(id=widget.id, file_uploader_state_value={"uploaded_file_info": [info]})
        self._given[widget.id] = state
        self._rerun()
        if before is not None:
            self.fetch("DELETE", before.file_uploader_state_value.uploaded_file_info[0].file_urls.delete_url)

    def type(self, question: str) -> None:
        """Send a question."""
        self._rerun(WidgetState(id=self.element("chat_input").id, chat_input_value={"data": question}))

    def until(self, reached: Callable[[], bool], look: Callable[[], None] = lambda: None) -> None:
        """Go on as the browser does until something is shown; ``look`` is called after each message.

        Raises:
            RuntimeError: it takes too long, the page has failed, or has gone.
        """
        end = time.monotonic() + self._patience
        while not reached():
            now = time.monotonic()
            if now > end:
                raise RuntimeError(f"the page did not come to it within {self._patience:g} s")
            due = [fragment for fragment, (_, when) in self._timers.items() if when <= now]
            for fragment in due:
                self._timers[fragment] = (self._timers[fragment][0], now + self._timers[fragment][0])
                self._rerun(fragment=fragment)
            wait = min([end, *(when for _, when in self._timers.values())]) - now
            with contextlib.suppress(TimeoutError):
                self._take(self._receive(max(wait, 0.01)))
                look()

    # The wire

    def fetch(self, method: str, path: str, body: bytes | None = None, more: dict[str, str] | None = None) -> bytes:
        """A request beside the websocket.

        Raises:
            RuntimeError: it was refused.
        """
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._patience)
        with contextlib.closing(connection):
            headers = {"X-Xsrftoken": self._token, "Cookie": f"{COOKIE}={self._token}", **(more or {})}
            connection.request(method, path if path.startswith("/") else f"/{path}", body, headers)
            reply = connection.getresponse()
            content = reply.read()
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path.split('?')[0]}: {reply.status}")
        return content

    def _cookie(self) -> str:
        """The token that the page gives to each browser, against requests of other pages."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._patience)
        with contextlib.closing(connection):
            connection.request("GET", "/_stcore/health")
            reply = connection.getresponse()
            reply.read()
            found = [given for name, given in reply.getheaders() if name.lower() == "set-cookie"]
        return next((one.split(";")[0].partition("=")[2] for one in found if one.startswith(COOKIE)), "")

    def _open(self) -> Any:
        at = f"{self._host}:{self._port}"
        try:
            return connect(
                f"ws://{at}/_stcore/stream",
                subprotocols=["streamlit", self._token],
                additional_headers={"Cookie": f"{COOKIE}={self._token}"},
                origin=f"http://{at}",
                max_size=MOST_BYTES,
                proxy=None,
                open_timeout=self._patience,
            )
        except WebSocketException as error:
            raise ConnectionError(f"the page takes no session: {error}") from error

    def _receive(self, wait: float) -> ForwardMsg:
        try:
            received = self._socket.recv(timeout=wait)
        except WebSocketException as error:
            raise RuntimeError(f"the page has gone: {error}") from error
        message = ForwardMsg()
        message.ParseFromString(received if isinstance(received, bytes) else received.encode())
        return message

    def _say(self, message: Any) -> None:
        try:
            self._socket.send(message.SerializeToString())
        except WebSocketException as error:
            raise RuntimeError(f"the page has gone: {error}") from error

    def _rerun(self, *pressed: Any, fragment: str = "") -> None:
        state: dict[str, Any] = {"page_script_hash": self._script, "fragment_id": fragment}
        state |= {"widget_states": {"widgets": [*self._given.values(), *pressed]}, "is_auto_rerun": bool(fragment)}
        self._running = self._running or not fragment
        self._say(BackMsg(rerun_script=state))

    def _take(self, message: ForwardMsg) -> None:
        """What the server has sent."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            begun = message.new_session
            self._run, self._script = message.metadata.run.script_run_id, begun.page_script_hash
            self._session = begun.initialize.session_id
            if not message.metadata.run.fragment_ids:
                self._running = True
                self._timers.clear()
        elif kind == "auto_rerun":
            interval = message.auto_rerun.interval
            self._timers[message.auto_rerun.fragment_id] = (interval, time.monotonic() + interval)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._timers.pop(fragment, None)
        elif kind == "delta":
            self._draw(tuple(message.metadata.delta_path), message.delta)
        elif kind == "file_urls_response":
            self._urls = message.file_urls_response
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._shown = {path: one for path, one in self._shown.items() if one[0] == self._run}
            self._running = False

    def _draw(self, path: Path, delta: Any) -> None:
        if delta.HasField("new_transient"):
            return
        if delta.HasField("new_element"):
            if delta.new_element.HasField("exception"):
                raise RuntimeError(f"the page failed: {delta.new_element.exception.type}")
            for inner in [one for one in self._shown if one[: len(path)] == path]:
                del self._shown[inner]
        self._shown[path] = (self._run, delta)


def canvas(tab: Tab) -> dict[str, Any]:
    """What the picture's component was sent."""
    found = tab.element("bidi_component")
    return {} if found is None else dict(json.loads(found.json or found.mixed.json))


@contextlib.contextmanager
def opened(url: str, patience: float = 120.0) -> Iterator[Tab]:
    """A tab that is closed at the end."""
    tab = Tab(url, patience)
    try:
        yield tab
    finally:
        tab.close()
