"""Fetching a picture by its address, and nothing else: no address of this machine or its network is ever asked.

The name is resolved once, every address that it has must be public, and the connection goes to the one that was
checked: a name that means something else a moment later changes nothing. Redirects are checked in the same way.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import numpy as np

from data.images import open_image

MOST_BYTES = 20_000_000
SECONDS = 15.0  # for all of it, redirects among them
REDIRECTS = 3
LONGEST = 2000  # characters of an address
PORTS = {"http": 80, "https": 443}
CHUNK = 65_536

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]


@dataclass(frozen=True)
class Fetched:
    """A picture ``(H, W, 3)`` uint8 RGB, and what the page calls it."""

    image: np.ndarray
    name: str


@dataclass(frozen=True)
class _Target:
    """Where a request goes."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> str:
        """Of the page itself, for a redirect that is relative to it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host.

    Raises:
        OSError: it has none.
    """
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A connection to an address that was checked."""
    return socket.create_connection((address, port), timeout=seconds)


def fetch(
    address: str,
    *,
    resolver: Resolve = resolve,
    connector: Connect = connect,
    most: int = MOST_BYTES,
    seconds: float = SECONDS,
) -> Fetched:
    """The picture at an address.

    Args:
        address: of http or https.
        resolver: gives the addresses of a host.
        connector: opens a connection to one of them.
        most: bytes that are read.
        seconds: that all of it may take.

    Raises:
        ValueError: the address is none, or not public, or too slow, or what is there is no picture; in one plain line.
    """
    end = time.monotonic() + seconds
    target = parsed(address)
    for _ in range(REDIRECTS + 1):
        try:
            content, onward = _request(target, _checked(target, resolver), connector, most, end)
        except TimeoutError:
            raise ValueError(f"{target.host} took longer than {seconds:g} seconds; save the picture first") from None
        except ssl.SSLError:
            raise ValueError(f"{target.host} has no certificate that can be trusted") from None
        except (OSError, http.client.HTTPException):
            raise ValueError(f"{target.host} could not be reached, or broke off") from None
        if onward is None:
            name = target.path.partition("?")[0].rpartition("/")[2][-80:] or target.host
            return Fetched(open_image(content, name=name), name)
        target = parsed(urljoin(target.address, onward))
    raise ValueError(f"that address leads on more than {REDIRECTS} times; give the last one")


def parsed(address: str) -> _Target:
    """An address in its parts.

    Raises:
        ValueError: it is none of http or https, or holds a user name, or is of another port than the scheme's.
    """
    address = address.strip()
    if not address or len(address) > LONGEST:
        raise ValueError("that is no address of a picture: it begins with http:// or https://")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("that is no address of a picture: it cannot be read") from None
    if parts.scheme not in PORTS or not host:
        raise ValueError("that is no address of a picture: it begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("an address with a user name or a password is not asked")
    if port not in (None, 80, 443, 8000, 8080, 8443):
        raise ValueError(f"port {port} is not asked: a picture on the web has another one")
    if any(ord(sign) <= 32 or ord(sign) == 127 for sign in address):
        raise ValueError("an address has no blanks in it")
    with contextlib.suppress(UnicodeError):
        host = host if ":" in host else host.encode("idna").decode()
    if not host.isascii():
        raise ValueError("that host's name cannot be read")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    return _Target(parts.scheme, host, port or PORTS[parts.scheme], path + query)


def public(address: str) -> bool:
    """Whether an address is one of the open internet: not this machine, not its network, nothing reserved, and the same
    of an IPv4 address that lies in an IPv6 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        within = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in ipaddress.ip_network("64:ff9b::/96") or found in ipaddress.ip_network("::/96"):
            within.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        if any(one is not None and not _open(one) for one in within):
            return False
        if found.ipv4_mapped is not None:
            return True
    return _open(found)


def _open(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    closed = (
        found.is_private,
        found.is_loopback,
        found.is_link_local,
        found.is_multicast,
        found.is_reserved,
        found.is_unspecified,
        isinstance(found, ipaddress.IPv6Address) and found.is_site_local,
    )
    return found.is_global and not any(closed)


def _checked(target: _Target, resolver: Resolve) -> str:
    """An address of the host; all that it has must be public.

    Raises:
        ValueError: there is none, or one is not.
    """
    try:
        found = resolver(target.host, target.port)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise ValueError(f"there is no host {target.host}")
    if not all(public(address) for address in found):
        raise ValueError(f"{target.host} lies on this machine or its network, which is not asked; upload the picture")
    return found[0]


def _request(target: _Target, address: str, connector: Connect, most: int, end: float) -> tuple[bytes, str | None]:
    """What the host sends, or where it leads on to."""
    wire = connector(address, target.port, _left(end))
    watch = threading.Timer(_left(end), _cut, (wire,))  # a host that drips is never silent for long
    watch.start()
    try:
        if target.scheme == "https":
            wire.settimeout(_left(end))
            wire = ssl.create_default_context().wrap_socket(wire, server_hostname=target.host)
            watch.cancel()
            watch = threading.Timer(_left(end), _cut, (wire,))
            watch.start()
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = wire
        headers = {"User-Agent": "pinpoint", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
        wire.settimeout(_left(end))
        connection.request("GET", target.path, headers=headers)
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            onward = answer.getheader("Location")
            if not onward:
                raise ValueError(f"{target.host} leads on to nowhere")
            return b"", onward
        if answer.status != 200:
            raise ValueError(f"{target.host} answers {answer.status}: there is no such picture, or it is not for all")
        return _read(answer, target.host, most, end), None
    except (OSError, http.client.HTTPException):
        _left(end)  # cut off here, it was too slow
        raise
    finally:
        watch.cancel()
        wire.close()


def _read(answer: http.client.HTTPResponse, host: str, most: int, end: float) -> bytes:
    told = answer.getheader("Content-Length", "").strip()
    large = told.isdecimal() and (len(told) > 15 or int(told) > most)
    content = bytearray()
    while not large and len(content) <= most:
        piece = answer.read1(CHUNK)
        _left(end)
        if not piece:
            return bytes(content)
        content += piece
    raise ValueError(f"the picture at {host} has more than {most // 1_000_000} MB; make it smaller first")


def _cut(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
