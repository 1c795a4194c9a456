"""Fetching a picture by its address, from a server of this machine that a resolver calls a public one."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from app import remote
from tests.app.pictures import red

PUBLIC = "93.184.216.34"


class Web(BaseHTTPRequestHandler):
    """What a path gives."""

    asked: list = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append((self.path, self.headers["Host"]))
        kind, _, rest = self.path[1:].partition("/")
        getattr(self, f"give_{kind}", self.give_missing)(rest)

    def _send(self, content, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def give_picture(self, rest):
        self._send(red())

    def give_page(self, rest):
        self._send(b"<html>no picture</html>")

    def give_missing(self, rest):
        self._send(b"", 404)

    def give_to(self, rest):
        self._send(b"", 302, Location=rest.replace("~", "/"))

    def give_nowhere(self, rest):
        self._send(b"", 302)

    def give_times(self, rest):
        self._send(b"", 301, Location=f"/times/{int(rest) - 1}" if int(rest) else "/picture/a.png")

    def give_claims(self, rest):
        self._send(b"x", Content_Length="9" * int(rest))

    def give_endless(self, rest):
        try:
            self._send(b"")
            for _ in range(1000):
                self.wfile.write(bytes(10_000))
        except OSError:
            pass

    def give_drips(self, rest):
        try:
            if rest == "body":
                self._send(b"")
            for _ in range(100):
                self.wfile.write(b"H")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    def give_cut(self, rest):
        self._send(red()[:40], Content_Length=str(len(red())))

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def fetch(web):
    """Fetches from that server, whatever the host; notes where a connection was wanted."""
    Web.asked.clear()

    def connect(address, port, seconds):
        made.connected.append((address, port))
        return socket.create_connection(("127.0.0.1", web), timeout=seconds)

    def made(address, hosts=None, **options):
        known = {"pictures.example": [PUBLIC], "inside.example": ["10.0.0.7"], **(hosts or {})}
        made.connected = []

        def resolve(host, port):
            if host in known:
                return known[host]
            return remote.resolve(host, port) if host.replace(".", "").isalnum() and host[0].isdigit() else []

        return remote.fetch(address, resolver=resolve, connector=connect, **options)

    return made


def test_a_picture_is_fetched_from_the_address_that_was_checked(fetch):
    found = fetch("http://pictures.example/picture/a%20b.png?size=3")
    assert np.array_equal(found.image, np.full((20, 30, 3), (255, 0, 0), np.uint8)) and found.name == "a%20b.png"
    assert fetch.connected == [(PUBLIC, 80)]
    assert Web.asked == [("/picture/a%20b.png?size=3", "pictures.example")]


def test_a_name_is_resolved_once_and_never_again_for_the_connection(web):
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    wanted = []

    def connect(address, port, seconds):
        wanted.append(address)
        return socket.create_connection(("127.0.0.1", web), timeout=seconds)

    remote.fetch("http://turns.example/picture/a.png", resolver=lambda *_: next(answers), connector=connect)
    assert wanted == [PUBLIC]


def test_redirects_are_followed_three_times_and_checked_each_time(fetch):
    assert fetch("http://pictures.example/times/2").name == "a.png"
    assert len(fetch.connected) == 4
    with pytest.raises(ValueError, match="leads on more than 3 times"):
        fetch("http://pictures.example/times/3")
    for inside in ("http:~~inside.example~a.png", "http:~~127.0.0.1~a.png", "~~[::1]~a.png", "http:~~2130706433~"):
        with pytest.raises(ValueError, match=r"this machine or its network|there is no host|cannot be read"):
            fetch(f"http://pictures.example/to/{inside}")
        assert fetch.connected == [(PUBLIC, 80)]
    with pytest.raises(ValueError, match="begins with http"):
        fetch("http://pictures.example/to/file:~~~etc~passwd")
    with pytest.raises(ValueError, match="nowhere"):
        fetch("http://pictures.example/nowhere")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
        *("2002:7f00:1::", "2002:a00:1::1", "no address", ""),
    ],
)
def test_addresses_that_are_not_public(fetch, address):
    assert not remote.public(address)
    with pytest.raises(ValueError, match="this machine or its network"):
        fetch("http://odd.example/picture/a.png", hosts={"odd.example": [PUBLIC, address]})
    assert fetch.connected == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_addresses_that_are_public(address):
    assert remote.public(address)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "no address"),
        ("   ", "no address"),
        ("pictures.example/a.png", "begins with http"),
        ("file:///etc/passwd", "begins with http"),
        ("ftp://pictures.example/a.png", "begins with http"),
        ("javascript:alert(1)", "begins with http"),
        ("http://", "begins with http"),
        ("http://[::1/a", "cannot be read"),
        ("http://pictures.example:99999/", "cannot be read"),
        ("http://pictures.example:22/", "port 22"),
        ("http://me:secret@pictures.example/", "user name"),
        ("http://pictures.example/a b", "no blanks"),
        ("http://pictures.example/\r\nX: y", "no blanks|no address"),
        ("http://" + "a" * 3000, "no address"),
        ("http://nobody.example/", "there is no host"),
        ("http://localhost/", "there is no host|this machine"),
        ("http://0x7f.1/", "this machine"),
        ("http://2130706433/", "this machine"),
        ("http://127.1/", "this machine"),
        ("http://[::ffff:127.0.0.1]/", "this machine|no host"),
        ("http://pictures.example/missing", "answers 404"),
        ("http://pictures.example/page/x.png", "x.png: is not a picture"),
        ("http://pictures.example/cut/x.png", "x.png: is (damaged|not a picture)"),
        ("http://pictures.example/claims/9", "more than 0 MB|more than"),
        ("http://pictures.example/claims/5000", "more than"),
        ("http://pictures.example/endless", "more than"),
    ],
)
def test_what_is_no_picture_is_one_plain_line(fetch, address, says):
    with pytest.raises(ValueError, match=says) as caught:
        fetch(address, most=2_000_000)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("what", ["drips/head", "drips/body"])
def test_a_host_that_drips_is_left_in_time(fetch, what):
    begin = time.monotonic()
    with pytest.raises(ValueError, match="longer than"):
        fetch(f"http://pictures.example/{what}", seconds=0.5)
    assert time.monotonic() - begin < 3


def test_a_host_that_does_not_answer_is_told():
    def refuses(*_):
        raise ConnectionRefusedError

    with pytest.raises(ValueError, match="could not be reached"):
        remote.fetch("https://pictures.example/", resolver=lambda *_: [PUBLIC], connector=refuses)
