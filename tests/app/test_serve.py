"""The engine over HTTP: what it answers, and what it refuses."""

import dataclasses
import json
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from app.engine import Engine
from app.serve import Settings
from app.service import guard
from app.service.guard import Limits
from app.service.shelf import Shelf
from data import masks
from model.placement import Placement
from model.predictor import Predictor
from tests.app.commands import refused, run
from tests.app.pictures import picture, png
from tests.app.puppet import Puppet
from tests.app.serving import form, found, post, question, raw, serving, tell
from tests.app.waiting import until
from tests.eval.board import segment

TOKEN = "a-secret-of-the-tests"


@pytest.fixture(scope="module")
def port(talker):
    """A service of a model of random weights that writes marks."""
    limits = Limits(body=2**20, bodies=4 * 2**20, requests=16, seconds=1.0)
    with serving(Engine(talker, Placement(device="cpu")), Settings(limits=limits)) as made:
        yield made


@pytest.fixture
def puppet(monkeypatch):
    made = Puppet()
    monkeypatch.setattr(Predictor, "from_pretrained", lambda *_: made)
    return made


def test_a_question_is_answered_as_the_predictor_answers_it(port, talker):
    reply, words = found(port)
    alone = Predictor.from_pretrained(talker, Placement(device="cpu"))
    alone.set_image(picture())
    answer = alone.ask(words)
    assert reply["text"] == answer.text and reply["stop"] == answer.stop and reply["notes"] == []
    assert "<SEG>" not in reply["words"]
    for sent, one in zip(reply["segments"], answer.segments, strict=True):
        assert (sent["phrase"], sent["rejected"], sent["area"]) == (one.phrase, one.rejected, int(one.mask.sum()))
        if one.rejected:
            assert sent["rle"] is None
        else:
            assert np.array_equal(masks.decode(sent["rle"]), one.mask)


def test_an_upload_with_history_is_answered_alike(port, talker):
    history = [{"question": "Where is the red cup?", "answer": "The red cup <SEG> is here."}]
    parts = [("image", "../../<script>.png", png(picture())), ("question", None, b"And the lamp?")]
    body, headers = form(*parts, ("history", None, json.dumps(history).encode()))
    status, reply = post(port, "/v1/ask/upload", body, headers)
    assert status == 200
    status, same = post(port, "/v1/ask", question(question="And the lamp?", history=history))
    assert (status, same["text"]) == (200, reply["text"])
    alone = Predictor.from_pretrained(talker, Placement(device="cpu"))
    alone.set_image(picture())
    assert reply["text"] == alone.ask("And the lamp?", [("Where is the red cup?", "The red cup <SEG> is here.")]).text


def events(data: bytes) -> list[tuple[str, dict]]:
    blocks = [block.split("\n") for block in data.decode().strip().split("\n\n")]
    return [(kind.removeprefix("event: "), json.loads(value.removeprefix("data: "))) for kind, value in blocks]


def test_words_stream_as_events(port):
    status, headers, data = tell(port, "POST", "/v1/ask", question(stream=True))
    assert status == 200 and headers["content-type"].startswith("text/event-stream")
    told = events(data)
    assert told[0][0] == "place" and told[-1][0] == "answer"
    texts = [value["text"] for kind, value in told if kind == "text"]
    assert texts and texts[-1] == told[-1][1]["text"]
    body, headers = form(("image", "a", png(picture())), ("question", None, b"Where?"), ("stream", None, b"true"))
    assert events(tell(port, "POST", "/v1/ask/upload", body, headers)[2])[-1][0] == "answer"
    status, reply = post(port, "/v1/ask", question(question=" ", stream=True))
    assert status == 400 and "empty" in reply["error"]


def test_segments_are_corrected_by_their_handles(port):
    reply, _ = found(port)
    handle = reply["segments"][0]["handle"]
    click = {"handle": handle, "points": [[5, 6]], "labels": [1]}
    status, better = post(port, "/v1/refine", click)
    assert status == 200 and better["handle"] != handle and masks.decode(better["rle"]).shape == (40, 60)
    assert post(port, "/v1/refine", click)[1]["rle"] == better["rle"]  # the first is as it was
    status, boxed = post(port, "/v1/refine", {"handle": handle, "box": [1, 2, 30, 20]})
    assert status == 200 and boxed["handle"] not in (handle, better["handle"])
    status, drawn = post(port, "/v1/anyway", {"handle": handle})
    assert status == 200 and not drawn["rejected"]
    status, layers = post(port, "/v1/layers", {"handle": handle})
    assert status == 200 and list(layers["maps"]) == ["0", "1", "2"] and np.shape(layers["maps"]["1"]) == (8, 8)
    for change in ({"layer": 1}, {"settings": {"positive": 0.5}}):
        status, moved = post(port, "/v1/reground", {"handle": handle, **change})
        assert status == 200 and moved["phrase"] == reply["segments"][0]["phrase"]


def test_the_document_names_every_way_and_loads_nothing(port):
    status, headers, data = tell(port, "GET", "/openapi.json")
    document = json.loads(data)
    assert status == 200 and headers["x-content-type-options"] == "nosniff"
    ways = {
        "/v1/ask",
        "/v1/ask/upload",
        "/v1/refine",
        "/v1/anyway",
        "/v1/reground",
        "/v1/layers",
        "/health",
        "/metrics",
    }
    assert set(document["paths"]) == ways
    assert "Reply" in document["components"]["schemas"]
    for path in ("/docs", "/redoc", "/"):
        status, _, data = tell(port, "GET", path)
        assert status == 404 and "openapi.json" in json.loads(data)["error"]


def test_health_and_metrics_count(port):
    post(port, "/v1/ask", question())
    assert json.loads(tell(port, "GET", "/health")[2]) == {"status": "ok", "device": "cpu", "waiting": 0}
    status, headers, data = tell(port, "GET", "/metrics")
    lines = dict(line.rsplit(" ", 1) for line in data.decode().splitlines() if not line.startswith("#"))
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    assert float(lines['pinpoint_asked_total{kind="ask"}']) >= float(lines['pinpoint_answered_total{kind="ask"}']) >= 1
    whole = [float(value) for name, value in lines.items() if 'bucket{stage="whole"' in name]
    assert whole == sorted(whole) and whole[-1] == float(lines['pinpoint_seconds_count{stage="whole"}'])
    assert float(lines["pinpoint_resident_bytes"]) > 10**7


def test_a_token_is_asked_for(puppet):
    with serving(Engine(Path("puppet"), Placement()), Settings(token=TOKEN)) as port:
        for wrong in (
            "",
            "Bearer",
            "Bearer ",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            "Bearer é",
        ):
            head = {"Authorization": wrong} if wrong.isascii() else {"Authorization": wrong.encode().decode("latin-1")}
            status, headers, data = tell(port, "POST", "/v1/ask", question(), head)
            assert status == 401 and headers["www-authenticate"] == "Bearer" and TOKEN not in data.decode()
        for path in ("/metrics", "/openapi.json", "/nowhere"):
            assert tell(port, "GET", path)[0] == 401
        assert tell(port, "GET", "/health")[0] == 200
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert post(port, "/v1/ask", question(), right)[0] == 200
        tokens = f"Authorization: Bearer x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        assert raw(port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + tokens.encode())[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Host": "localhost:80@evil.example"}, 421),
        ({"Host": "localhost"}, 200),
        ({"Host": "127.0.0.1:9"}, 200),
        ({"Host": "[::1]:9"}, 200),
        ({"Host": "pin.example:80"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:80", "Origin": "http://localhost:81"}, 403),
        ({"Host": "localhost:80", "Origin": "http://localhost:80"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_other_sites_pages_are_refused(puppet, headers, status):
    with serving(Engine(Path("puppet"), Placement()), Settings(frozenset({"pin.example"}))) as port:
        made, sent, _ = tell(port, "POST", "/v1/ask", question(), headers)
        assert made == status
        assert not any(name.startswith("access-control") for name in sent)


def test_a_full_queue_says_when_to_come_back_and_a_late_answer_that_it_is(puppet):
    puppet.gate.clear()
    engine = Engine(Path("puppet"), Placement(), waiting=2, together=1)
    with serving(engine, Settings(timeout=2.0)) as port:
        statuses = []
        threads = [
            threading.Thread(target=lambda: statuses.append(post(port, "/v1/ask", question())[0])) for _ in range(2)
        ]
        threads[0].start()
        until(lambda: len(puppet.lots) == 1)
        threads[1].start()
        until(lambda: engine.waiting == 1)
        status, headers, data = tell(port, "POST", "/v1/ask", question())
        assert status == 503 and int(headers["retry-after"]) > 0 and "waiting" in json.loads(data)["error"]
        status, headers, _ = tell(port, "POST", "/v1/ask", question(stream=True))
        assert status == 503 and "retry-after" in headers
        for thread in threads:
            thread.join(60)
        puppet.gate.set()
        assert statuses == [504, 504]
        assert post(port, "/v1/ask", question())[0] == 200


def test_a_client_that_goes_frees_its_place(puppet):
    puppet.gate.clear()
    engine = Engine(Path("puppet"), Placement(), together=1)
    with serving(engine) as port:
        head = (
            b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        )
        open_ones = []
        for number, stream in enumerate((False, False, True)):
            body = json.dumps(question(stream=stream)).encode()
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(head % len(body) + body)
            open_ones.append(connection)
            until(lambda number=number: len(puppet.lots) == 1 and engine.waiting == number)
        for connection in open_ones[1:]:
            connection.close()
        until(lambda: engine.waiting == 0)
        puppet.gate.set()
        open_ones[0].close()
        assert post(port, "/v1/ask", question())[0] == 200
        assert engine.meter.total("left") >= 2


def test_a_crash_is_a_message_and_shows_nothing_of_the_inside(puppet):
    def rule(questions):
        if questions == ["break"]:
            raise RuntimeError("secret path /home/someone")

    puppet.rule = rule
    with serving(Engine(Path("puppet"), Placement())) as port:
        status, reply = post(port, "/v1/ask", question(question="break"))
        assert status == 400 and "failed" in reply["error"] and "secret" not in reply["error"]
        _, _, data = tell(port, "POST", "/v1/ask", question(question="break", stream=True))
        assert b"failed" in data and b"secret" not in data  # a status, or an event if words had been sent
        assert post(port, "/v1/ask", question())[0] == 200


def test_a_fault_of_the_service_itself_is_a_message_too(puppet, monkeypatch):
    engine = Engine(Path("puppet"), Placement())
    monkeypatch.setattr(Engine, "waiting", property(lambda self: 1 / 0))
    with serving(engine) as port:
        status, _, data = tell(port, "GET", "/health")
        assert status == 500 and json.loads(data) == {"error": guard.BROKEN}


def test_who_sends_nothing_is_cut_off(puppet, monkeypatch):
    monkeypatch.setattr(guard, "PATIENCE", 0.3)
    with serving(Engine(Path("puppet"), Placement())) as port:
        for begun in (b"", b"POST /v1/ask HTTP/1.1\r\nHost: local"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(begun)
                begin = time.monotonic()
                assert connection.recv(100) == b""
                assert time.monotonic() - begin < 5
        assert tell(port, "GET", "/health")[0] == 200


def on(name: str, phrase: str):
    """A segment of the picture of that name."""
    made = segment(phrase, np.ones((4, 4), bool))
    return dataclasses.replace(made, evidence=dataclasses.replace(made.evidence, picture=name))


def test_segments_are_kept_within_bounds():
    image, other = picture(), picture(1)
    shelf = Shelf(number=3, room=10**6)
    handles = [shelf.put(image.copy(), on("one", str(number))) for number in range(4)]
    assert len(shelf) == 3 and shelf.get(handles[3])[1].phrase == "3"
    assert np.array_equal(shelf.get(handles[1])[0], image)
    with pytest.raises(KeyError):
        shelf.get(handles[0])
    each = (shelf.bytes - image.nbytes) // 3  # one copy of the picture is held
    assert shelf.bytes == image.nbytes + 3 * each and each >= 16
    small = Shelf(room=image.nbytes + 2 * each)
    first = [small.put(image, on("one", "a")) for _ in range(2)]
    last = small.put(other, on("other", "b"))
    assert len(small) == 1 and small.bytes == other.nbytes + each and small.get(last)[0] is other
    with pytest.raises(KeyError):
        small.get(first[1])
    brief = Shelf(seconds=0.05)
    handle = brief.put(image, on("one", "a"))
    time.sleep(0.1)
    with pytest.raises(KeyError):
        brief.get(handle)
    assert len(set(handles)) == 4 and brief.bytes == 0


def test_the_command_refuses_in_one_line(capsys, checkpoint, tmp_path, free_port, monkeypatch):
    assert "no checkpoint" in refused(capsys, "serve", "--checkpoint", "nowhere")
    assert "not a port" in refused(capsys, "serve", "--port", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert f"port {number}" in refused(capsys, "serve", "--port", number, "--checkpoint", checkpoint)
    words = ["serve", "--checkpoint", checkpoint, "--port", free_port]
    (tmp_path / "short").write_text("abc\n")
    (tmp_path / "bytes").write_bytes(b"\xff" * 40)
    assert "at least 16" in refused(capsys, *words, "--token-file", tmp_path / "short")
    assert "at least 16" in refused(capsys, *words, "--token-file", tmp_path / "bytes")
    assert "No such file" in refused(capsys, *words, "--token-file", tmp_path / "missing")
    monkeypatch.setenv("PINPOINT_TOKEN", "")
    assert "PINPOINT_TOKEN" in refused(capsys, *words)


def test_the_command_hands_its_words_on(checkpoint, free_port, tmp_path, monkeypatch, capsys):
    from app import serve

    given = []
    monkeypatch.setattr(serve, "run", lambda *words: given.append(words))
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    words = ["--checkpoint", checkpoint, "--port", free_port, "--token-file", tmp_path / "token", "--queue", "5"]
    words += ["--timeout", "7", "--most-mb", "3", "--allow-host", "Pin.Example"]
    assert run("serve", *words) == 0
    folder, _, host, port, settings, waiting = given[0]
    assert (folder, host, port, waiting) == (checkpoint, "127.0.0.1", free_port, 5)
    assert settings.token == TOKEN and settings.timeout == 7 and settings.hosts == {"pin.example"}
    assert settings.limits.body == 3 * 2**20
    monkeypatch.delenv("PINPOINT_TOKEN", raising=False)
    assert run("serve", "--host", "0.0.0.0", "--checkpoint", checkpoint, "--port", free_port) == 0
    assert "no token is asked for" in capsys.readouterr().err
    assert given[1][4].token is None
