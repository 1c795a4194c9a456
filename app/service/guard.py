"""What a request passes before the service looks at it: whose host, whose page, whose token, how large, how slow."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST = 100  # headers
PATIENCE = 10.0  # seconds for the headers of a request
OPEN = ("/health",)  # paths that need no token
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
BROKEN = "the service failed on this request; its log has why"


@dataclass(frozen=True)
class Limits:
    """What the service takes.

    Attributes:
        body: bytes of one request.
        bodies: bytes of all that are here at once.
        requests: how many are here at once; twice as many connections may be open.
        seconds: for a request's body to arrive.
    """

    body: int = 32 * 2**20
    bodies: int = 256 * 2**20
    requests: int = 128
    seconds: float = 30.0


class Guard:
    """Turns away what the service should never see, reads bodies within limits, and ends every fault in one line.

    Args:
        app: what is guarded.
        hosts: names that may stand in ``Host``; addresses and localhost always may. A page that has its own name point
            to this machine is refused so, and one of another origin, whatever it asks for.
        token: that ``Authorization: Bearer`` must hold; none is asked for if None.
        limits: as above.
    """

    def __init__(self, app: App, hosts: frozenset[str], token: str | None, limits: Limits) -> None:
        self._app, self._hosts, self._limits = app, hosts, limits
        self._token = None if token is None else _digest(token.encode())
        self._held = self._requests = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        begun = False

        async def told(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        problem = self._problem(scope)
        if problem is not None:
            return await say(told, *problem)
        self._requests += 1
        held = [0]
        try:
            await self._read(scope, receive, told, held)
        except Exception:
            log.exception("the service failed")
            if not begun:
                await say(told, 500, BROKEN)
        finally:
            self._requests -= 1
            self._held -= held[0]

    async def _read(self, scope: Message, receive: Receive, send: Send, held: list[int]) -> None:
        """Take the body in, at most so much and for so long, and pass it on."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    part = message.get("body", b"")
                    more = message.get("more_body", False)
                    self._held += len(part)
                    held[0] += len(part)
                    if held[0] > self._limits.body:
                        return await say(send, 413, _too_large(self._limits.body))
                    if self._held > self._limits.bodies:
                        return await say(send, 503, "too many large requests at once: try again in a moment", 5)
                    body += part
        except TimeoutError:
            return await say(send, 408, "the request did not arrive in time: send it again")
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, again, send)

    def _problem(self, scope: Message) -> tuple[int, str] | tuple[int, str, int] | None:
        """Why a request is refused by its headers alone: status, one plain line, and seconds to try again after."""
        if len(scope["headers"]) > MOST:
            return 431, f"a request has at most {MOST} headers"
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in headers and name in (b"host", b"authorization", b"content-length"):
                return 400, f"the header {name.decode('latin-1')} is there twice"
            headers[name] = value
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._knows(host):
            return 421, "this service is not known by that name: see --allow-host"
        origin = headers.get(b"origin")
        foreign = origin is not None and origin.decode("latin-1").lower().partition("://")[2] != host
        if foreign or headers.get(b"sec-fetch-site", b"none") in (b"cross-site", b"same-site"):
            return 403, "pages of other sites may not ask this service"
        if self._token is not None and scope["path"] not in OPEN:
            kind, _, given = headers.get(b"authorization", b"").partition(b" ")
            right = hmac.compare_digest(_digest(given.strip()), self._token)
            if not right or kind.lower() != b"bearer":
                return 401, "this service asks for a token: send 'Authorization: Bearer TOKEN'"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 15:
            return 400, "the header content-length is no number of bytes"
        if int(length) > self._limits.body:
            return 413, _too_large(self._limits.body)
        if self._requests >= self._limits.requests:
            return 503, "too many requests at once: try again in a moment", 5
        return None

    def _knows(self, host: str) -> bool:
        """Whether a ``Host`` header may be ours."""
        if host.startswith("["):
            name, _, port = host[1:].partition("]")
            port = port.removeprefix(":")
        else:
            name, _, port = host.partition(":")
        if port and not port.isdigit():
            return False
        if name == "localhost" or name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


async def say(send: Send, status: int, line: str, after: int | None = None) -> None:
    """Answer with an error: JSON of one plain line."""
    body = json.dumps({"error": line}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if after is not None:
        headers.append((b"retry-after", str(after).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (408, 413):  # what is still to come is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Patient(H11Protocol):
    """The HTTP protocol with an end to its patience: who opens connections and sends no request is cut off, and what is
    no HTTP is told so as all else is, in one line of JSON.

    Attributes:
        most: open connections.
    """

    most = 2 * Limits.requests
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.close()
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        """It has sent something; the headers may be whole now."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._forget()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._timer is None:
            self._timer = self.loop.call_later(PATIENCE, self._end)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP, or its headers are too long."""
        if self.conn.our_state is not h11.IDLE and self.conn.our_state is not h11.SEND_RESPONSE:
            self.transport.close()
            return
        body = json.dumps({"error": "this is no HTTP request that can be read, or its headers are too long"}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _digest(secret: bytes) -> bytes:
    """Of equal length whatever is given, so that comparing tells nothing of it."""
    return hashlib.sha256(secret).digest()


def _too_large(most: int) -> str:
    return f"the request is larger than the {most / 2**20:.0f} MiB that are read: make the picture smaller"
