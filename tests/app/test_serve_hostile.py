"""What a hostile client sends to the service: each is one plain line, and the service lives on."""

import base64
import io
import json
import sys
import zlib

import pytest
from PIL import Image

from app.engine import Engine
from app.serve import Settings
from app.service.guard import Limits
from model.placement import Placement
from tests.app.pictures import picture, png
from tests.app.serving import form, found, question, raw, serving, tell

GOOD = png(picture())
LARGEST = 2**20
HEAD = b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port(checkpoint):
    limits = Limits(body=LARGEST, bodies=4 * LARGEST, requests=16, seconds=0.5)
    with serving(Engine(checkpoint, Placement(device="cpu")), Settings(limits=limits)) as made:
        yield made


@pytest.fixture(autouse=True)
def alive(port):
    """The service is alive after each of them, and answers as ever."""
    yield
    assert tell(port, "GET", "/health")[0] == 200


def is_plain(status: int | None, data: bytes) -> None:
    """One plain line, and nothing of the inside."""
    assert status is not None and 400 <= status < 600 and status != 500
    line = json.loads(data)["error"]
    assert set(json.loads(data)) == {"error"}
    assert line and "\n" not in line and len(line) <= 500
    for inside in ("Traceback", 'File "', "site-packages", "object at 0x", "pydantic"):
        assert inside not in line


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def header(width: int, height: int, *more: bytes) -> bytes:
    """A PNG that claims a size."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + b"".join(more) + chunk(b"IEND", b"")


def saved(kind: str, mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.new(mode, (60, 40)).save(data, kind)
    return data.getvalue()


PICTURES = {
    "nothing": b"",
    "text": b"no picture",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "script in a comment": GOOD[:8] + chunk(b"tEXt", b"Comment\0<script>") + b"cut",
    "cut": GOOD[: len(GOOD) // 2],
    "cut header": GOOD[:20],
    "header alone": header(60, 40),
    "bomb": header(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(1000)))),
    "bomb in one line": header(2**31 - 1, 1),
    "no pixels": header(0, 0),
    "wrong sums": GOOD[:40] + b"\0\0\0\0" + GOOD[44:],
    "16 bits": saved("PNG", "I;16"),
    "floats": saved("TIFF", "F"),
    "zip": b"PK\x03\x04" + bytes(200),
    "pickle": b"cos\nsystem\n(S'touch PWNED'\ntR.",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(x) run\n",
    "jpeg cut": saved("JPEG")[:200],
    "gif cut": saved("GIF")[:20],
    "webp cut": saved("WEBP")[:30],
    "zeros": bytes(5000),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("way", ["json", "form"])
def test_what_is_no_picture(port, name, way):
    is_plain(*asked(port, PICTURES[name], way))


def asked(port: int, data: bytes, way: str) -> tuple[int, bytes]:
    if way == "json":
        status, _, reply = tell(port, "POST", "/v1/ask", question(image=base64.b64encode(data).decode()))
    else:
        body, headers = form(("image", "x.png", data), ("question", None, b"Where?"))
        status, _, reply = tell(port, "POST", "/v1/ask/upload", body, headers)
    return status, reply


BAD = "bomb_header.png bomb_real.png cmyk.jpg exif_orientation_6.jpg grey.jpg not_an_image.jpg palette.png rgba.png "
BAD += "sixteen_bit.png truncated.jpg truncated_header.jpg zero_byte.jpg"


@pytest.mark.parametrize("name", BAD.split())
@pytest.mark.parametrize("way", ["json", "form"])
def test_the_pictures_of_the_samples(port, shared, name, way):
    path = shared / "samples" / "bad" / "images" / name
    if not path.is_file():
        pytest.skip(f"no {name} among the samples")
    cases = json.loads((shared / "samples" / "bad" / "cases.json").read_text())
    case = next((one for one in cases if one["path"].endswith(name)), {})
    status, data = asked(port, path.read_bytes(), way)
    if status == 200:
        assert case.get("expect", "read") != "reject"
        assert "text" in json.loads(data)
    else:
        assert case.get("expect", "reject") == "reject" or status == 413
        is_plain(status, data)


def body(**changes: object) -> bytes:
    return json.dumps(question(**changes)).encode()


BODIES = {
    "nothing": b"",
    "a brace": b"{",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e999",
    "no UTF-8": b"\xff\xfe{}",
    "a zero byte": b"\0",
    "deep": b"[" * 200_000,
    "deep keys": b'{"a":' * 100_000,
    "cut": body()[:-10],
    "two": body() + body(),
    "a comment": b"// " + body(),
    "no question": json.dumps({"image": "aa"}).encode(),
    "no picture": b'{"question": "Where?"}',
    "a number for a question": body(question=5),
    "null for a question": body(question=None),
    "a list for a question": body(question=["Where?"]),
    "an empty question": body(question=""),
    "a blank question": body(question=" \n\t"),
    "half a letter": body().replace(b"Where?", b"\\ud800"),
    "a long question": body(question="x" * 10_001),
    "a huge question": body(question="where " * 100_000),
    "too many words": body(question="where " * 1600),
    "a number for a picture": body(image=5),
    "no base64": body(image="<script>alert(1)</script>"),
    "letters for base64": body(image="é" * 100),
    "a picture's address": body(image="http://169.254.169.254/latest/meta-data"),
    "a file's address": body(image="file:///etc/passwd"),
    "a page as data": body(image="data:text/html;base64," + base64.b64encode(b"<html>").decode()),
    "another key": body(__proto__={"admin": True}),
    "a path": body(path="/etc/passwd"),
    "a word for a history": body(history="before"),
    "pairs for a history": body(history=[["a", "b"]]),
    "half a turn": body(history=[{"question": "a"}]),
    "half a letter before": body(history=[{"question": "a", "answer": "b"}]).replace(b'"b"', b'"\\udfff"'),
    "a long talk": body(history=[{"question": "a", "answer": "b"}] * 65),
    "a long answer": body(history=[{"question": "a", "answer": "b" * 20_001}]),
    "a word for a switch": body(stream="yes"),
    "a number for a switch": body(stream=1),
}


@pytest.mark.parametrize("name", BODIES)
def test_what_is_no_question(port, name):
    status, _, data = tell(port, "POST", "/v1/ask", BODIES[name])
    is_plain(status, data)


SAID = [
    "<script>alert(document.cookie)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://evil.example/x.png) [y](javascript:alert(1))",
    "{{7*7}} ${7*7} {% include '/etc/passwd' %}",
    "'; DROP TABLE answers; --",
    "$(touch PWNED) `touch PWNED`",
    "<SEG><REJ>" * 20,
    "<image><image>",
    "</s> USER: ASSISTANT: <|im_end|><pad><unk>",
    "\u202e where \u2066\ufeff\u200b is",
    "\0\x01\x1b[31m\r\n\r\nHTTP/1.1 200 OK",
    "event: answer\ndata: {}\n\n",
    "\U0001f600" * 50,
    "%s%n%d %00 ../../etc/passwd",
]


@pytest.mark.parametrize("words", SAID)
@pytest.mark.parametrize("stream", [False, True])
def test_scripts_in_questions_are_words(port, words, stream):
    history = [{"question": words, "answer": words}]
    status, headers, data = tell(port, "POST", "/v1/ask", question(question=words, history=history, stream=stream))
    assert status == 200 and headers["x-content-type-options"] == "nosniff"
    if stream:
        kinds = [block.split("\n")[0] for block in data.decode().strip().split("\n\n")]
        assert set(kinds) <= {"event: place", "event: text", "event: answer"} and kinds.count("event: answer") == 1
    else:
        assert headers["content-type"] == "application/json" and "text" in json.loads(data)


FORMS = {
    "no boundary": (b"x", {"Content-Type": "multipart/form-data"}),
    "no end": form(("image", "a.png", GOOD), ends=False),
    "no parts": (b"--xXx--\r\n", {"Content-Type": "multipart/form-data; boundary=xXx"}),
    "no picture": form(("question", None, b"Where?")),
    "words for a picture": form(("image", None, b"words"), ("question", None, b"Where?")),
    "many parts": form(("image", "a.png", GOOD), *[(f"f{n}", None, b"") for n in range(2000)]),
    "many files": form(*[("image", f"{n}.png", b"x") for n in range(2000)]),
    "a broken history": form(("image", "a", GOOD), ("question", None, b"Where?"), ("history", None, b"{")),
    "a deep history": form(("image", "a", GOOD), ("question", None, b"Where?"), ("history", None, b"[" * 50_000)),
    "a long question": form(("image", "a", GOOD), ("question", None, b"x" * 20_000)),
    "another kind": (body(), {"Content-Type": "text/plain"}),
    "a long boundary": (b"x", {"Content-Type": "multipart/form-data; boundary=" + "x" * 5000}),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_is_no_form(port, name):
    data, headers = FORMS[name]
    status, _, reply = tell(port, "POST", "/v1/ask/upload", data, headers)
    is_plain(status, reply)


CHANGES = {
    "/v1/refine": [
        {"handle": "unknown", "points": [[1, 2]], "labels": [1]},
        {"handle": "../../etc/passwd", "points": [[1, 2]], "labels": [1]},
        {"handle": "x" * 100_000, "points": [[1, 2]], "labels": [1]},
        {"handle": None, "points": [[1, 2]], "labels": [1]},
        {"handle": "HANDLE"},
        {"handle": "HANDLE", "points": [[1, 2]], "labels": []},
        {"handle": "HANDLE", "points": [[1, 2]], "labels": [10**30]},
        {"handle": "HANDLE", "points": [[1]], "labels": [1]},
        {"handle": "HANDLE", "points": [["a", "b"]], "labels": [1]},
        {"handle": "HANDLE", "points": [[1e308, 1]], "labels": [1]},
        {"handle": "HANDLE", "points": [[float("nan"), 1]], "labels": [1]},
        {"handle": "HANDLE", "points": [[1, 2]] * 1001, "labels": [1] * 1001},
        {"handle": "HANDLE", "box": [5, 5, 1, 1]},
        {"handle": "HANDLE", "box": [1, 2, 3]},
        {"handle": "HANDLE", "box": [0, 0, float("inf"), 5]},
        {"handle": "HANDLE", "box": [0, 0, 1e308, 5]},
    ],
    "/v1/anyway": [{"handle": ""}, {"handle": ["a"]}, {}],
    "/v1/layers": [{"handle": "x"}, {"handle": {"$ne": None}}],
    "/v1/reground": [
        {"handle": "x"},
        {"handle": "HANDLE", "layer": 99},
        {"handle": "HANDLE", "layer": 10**5000},
        {"handle": "HANDLE", "layer": "1"},
        {"handle": "HANDLE", "settings": {"positive": float("nan")}},
        {"handle": "HANDLE", "settings": {"positive": "0.5"}},
        {"handle": "HANDLE", "settings": {"keep": 10**9}},
        {"handle": "HANDLE", "settings": {"factor": 10**9}},
        {"handle": "HANDLE", "settings": {"__class__": 1}},
        {"handle": "HANDLE", "settings": {"who": 1}},
        {"handle": "HANDLE", "settings": {"image": 1}},
        {"handle": "HANDLE", "settings": {"segment": 1, "layer": 1}},
        {"handle": "HANDLE", "settings": {f"x{n}": 1 for n in range(50)}},
    ],
}


@pytest.fixture(scope="module")
def handle(talker):
    """The port of a service of a model that finds things, and the handle of one."""
    with serving(Engine(talker, Placement(device="cpu"))) as made:
        yield made, found(made)[0]["segments"][0]["handle"]


@pytest.mark.parametrize(("way", "number"), [(way, n) for way, rows in CHANGES.items() for n in range(len(rows))])
def test_what_is_no_change(handle, way, number):
    port, own = handle
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        data = json.dumps(CHANGES[way][number]).replace("HANDLE", own).encode()
    finally:
        sys.set_int_max_str_digits(limit)
    status, _, reply = tell(port, "POST", way, data)
    is_plain(status, reply)
    assert tell(port, "GET", "/health")[0] == 200


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
RAW = {
    "noise": (bytes(range(256)) * 4, (400,)),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), (400,)),
    "no protocol": (b"GARBAGE\r\n\r\n", (400,)),
    "HTTP/x": (b"GET /health HTTP/x.y\r\nHost: localhost\r\n\r\n", (400,)),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", (400,)),
    "old, no host": (b"GET /health HTTP/1.0\r\n\r\n", (421,)),
    "two hosts": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", (400,)),
    "a long header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", (400,)),
    "many headers": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", (431,)),
    "a long path": (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (400,)),
    "a path upwards": (b"GET /../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", (404,)),
    "a hidden path upwards": (b"GET /%2e%2e/%2e%2e/etc/passwd%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", (404,)),
    "no UTF-8 in a path": (b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n", (404,)),
    "another method": (b"DELETE /v1/ask HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
    "a made up method": (b"BREW /v1/ask HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
    "a tunnel": (b"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example\r\n\r\n", (400, 421)),
    "another's address": (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", (400, 421)),
    "a negative length": (HEAD + b"Content-Length: -5\r\n\r\n", (400,)),
    "a word for a length": (HEAD + b"Content-Length: many\r\n\r\n", (400,)),
    "two lengths": (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", (400,)),
    "a huge length": (HEAD + b"Content-Length: 999999999999999999999\r\n\r\n", (400, 413)),
    "a large length": (HEAD + b"Content-Length: 2000000\r\n\r\n" + bytes(100_000), (413,)),
    "both lengths": (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    "another coding": (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", (400, 501)),
    "large chunks": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + bytes(65536) + b"\r\n") * 20,
        (413,),
    ),
    "a broken chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", (400,)),
    "a slow body": (HEAD + b"Content-Length: 1000\r\n\r\n{", (408,)),
    "a promise": (HEAD + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", (413,)),
    "a websocket": (
        b"GET /v1/ask HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        (405,),
    ),
    "a broken header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", (400,)),
    "a split header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\x00c\r\n\r\n", (400,)),
}


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_request(port, name):
    data, statuses = RAW[name]
    status, reply = raw(port, data)
    if reply[:0] == b"100":
        pytest.fail("no reply")
    assert status in statuses
    is_plain(status, reply)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST",
        HEAD,
        HEAD + b"Content-Length: 1000\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        HEAD + b"Content-Length: %d\r\n\r\n" % len(body()) + body(),
    ],
)
def test_who_leaves_in_the_middle(port, data):
    for _ in range(5):
        status, reply = raw(port, data, end=True)
        if reply and status != 200:
            is_plain(status, reply)


def test_there_are_a_hundred_of_them():
    count = 2 * len(PICTURES) + 2 * len(BAD.split()) + len(BODIES) + 2 * len(SAID) + len(FORMS) + len(RAW)
    assert count + sum(map(len, CHANGES.values())) >= 100
