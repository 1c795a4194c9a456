"""A running service, and ways to speak to it: properly, and byte by byte."""

import base64
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

from app.running import free_port
from app.serve import Settings, create_app, server
from tests.app.pictures import picture, png
from tests.app.waiting import until


def question(**changes: Any) -> dict[str, Any]:
    """A good request, changed."""
    return {"image": base64.b64encode(png(picture())).decode(), "question": "Where?", **changes}


@contextlib.contextmanager
def serving(engine: Any, settings: Settings | None = None) -> Iterator[int]:
    """The port of a service of ``engine``."""
    port = free_port()
    made = server(create_app(engine, settings), "127.0.0.1", port)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    until(lambda: made.started)
    try:
        yield port
    finally:
        made.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def tell(
    port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body of a reply."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        headers = {"Content-Type": "application/json", **headers}
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    finally:
        connection.close()


def post(port: int, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON of a reply to a POST."""
    status, _, data = tell(port, "POST", path, body, headers)
    return status, json.loads(data)


def found(port: int) -> tuple[dict, str]:
    """A reply with segments, and its question."""
    for words in ("Where?", "Where is the red cup?", "The lamp?", "Show me all the fruit."):
        status, reply = post(port, "/v1/ask", question(question=words))
        assert status == 200
        if reply["segments"]:
            return reply, words
    raise AssertionError("nothing was found")


def raw(port: int, data: bytes, timeout: float = 30.0, end: bool = False) -> tuple[int | None, bytes]:
    """Status and body of the reply to bytes as they are; None where the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        with contextlib.suppress(OSError):  # it may be closed before all was sent
            connection.sendall(data)
            if end:
                connection.shutdown(socket.SHUT_WR)
        reply = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                reply += part
                head, _, body = reply.partition(b"\r\n\r\n")
                if b"content-length: %d\r\n" % len(body) in head.lower() + b"\r\n":
                    break
    if not reply:
        return None, b""
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def form(
    *parts: tuple[str, str | None, bytes], boundary: str = "xXx", ends: bool = True
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form: (name, file name, content)."""
    body = b""
    for name, file, content in parts:
        named = "" if file is None else f'; filename="{file}"'
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
        )
    body += f"--{boundary}--\r\n".encode() if ends else b""
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
