"""Many sessions at once: errors, answers that got mixed up, memory over time, latency, and what the way there costs.

python -m benchmarks.crowd --sessions 20 --minutes 5 --through serve
python -m benchmarks.crowd --sessions 20 --minutes 5 --through engine
python -m benchmarks.crowd --sessions 20 --minutes 5 --through page --out crowd.json
python -m benchmarks.crowd --url http://127.0.0.1:8502 --minutes 5       # a `pinpoint serve` that runs already

Each session has a picture and questions of its own, whose answers are known from one predictor beforehand: any other
answer is a mixing. Of the way's own cost tell the last lines: one session alone, in turn with the bare predictor.
Through the page each session is a tab that uploads its picture, sees that the page shows this one, asks, and follows
the answer as the browser's script does, protobuf over a websocket, without drawing it: Chromium's own work would share
the cores with what is measured. Its memory is that of the page's server; when all tabs are closed, the server has two
minutes and a little to let their pictures go.
"""

import argparse
import base64
import contextlib
import http.client
import io
import json
import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from app.arguments import CHECKPOINT
from app.engine import Engine
from app.running import pinpoint
from app.service.meter import resident
from benchmarks import through_page
from data import masks
from data.provenance import commit
from data.world.world import World
from model.answer import Answer
from model.placement import Placement
from model.predictor import Predictor

PIXELS = 1e-3  # share of a mask that may differ: batched sums round otherwise, where a logit is nearly 0
ALONE = 20  # questions of one session alone
History = list[tuple[str, str]]


@dataclass(frozen=True)
class Given:
    """What an answer is compared by: its text, and each mask as COCO RLE, None where rejected."""

    text: str
    rles: tuple[Any, ...]

    @classmethod
    def of(cls, answer: Answer) -> "Given":
        """Of an answer of the predictor."""
        rles = (None if one.rejected else masks.encode(one.mask) for one in answer.segments)
        return cls(answer.text, tuple(rles))

    def same(self, other: "Given") -> bool:
        """The same words, and the same masks but for single pixels."""
        if self.text != other.text or len(self.rles) != len(other.rles):
            return False
        for mine, theirs in zip(self.rles, other.rles, strict=True):
            if (mine is None) != (theirs is None):
                return False
            if mine is not None and mine != theirs:
                one, two = masks.decode(mine), masks.decode(theirs)
                if one.shape != two.shape or (one != two).mean() > PIXELS:
                    return False
        return True


@dataclass(frozen=True)
class Talk:
    """A picture, its questions with what was said before each, and the answers of one predictor."""

    image: np.ndarray
    turns: tuple[tuple[str, History], ...]
    known: tuple[Given, ...]


class Way(Protocol):
    """How sessions ask."""

    def begin(self, image: np.ndarray, history: History, session: int) -> None:
        """What comes before a question, and is not counted as its time."""

    def place(self, session: int) -> int | None:
        """How many questions were before a session's last one; None where nobody tells."""

    def close(self, session: int) -> None:
        """Something went wrong: the session begins anew."""

    def ask(self, image: np.ndarray, question: str, history: History, session: int) -> Given:
        """The answer."""

    def memory(self) -> int:
        """Resident bytes of the process that answers."""


class Direct:
    """The engine, in this process."""

    def __init__(self, checkpoint: Path, waiting: int) -> None:
        self.engine = Engine(checkpoint, Placement(), waiting)
        self._places: dict[int, int] = {}

    def begin(self, image: np.ndarray, history: History, session: int) -> None:
        """Nothing."""

    def close(self, session: int) -> None:
        """Nothing: each question stands by itself."""

    def place(self, session: int) -> int:
        """The first place that it was told."""
        return self._places[session]

    def ask(self, image: np.ndarray, question: str, history: History, session: int) -> Given:
        """As a session of the page asks, told every word."""
        places: list[int] = []
        answer = self.engine.ask(image, question, history, lambda text: True, places.append, who=f"session {session}")
        self._places[session] = max(places, default=0)
        return Given.of(answer)

    def memory(self) -> int:
        """Of this process, the sessions in it too."""
        return resident()


class Service:
    """A ``pinpoint serve`` at an address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._encoded: dict[int, str] = {}

    def begin(self, image: np.ndarray, history: History, session: int) -> None:
        """Nothing."""

    def close(self, session: int) -> None:
        """Nothing: each request stands by itself."""

    def place(self, session: int) -> None:
        """Only who has the answer streamed is told."""

    def _tell(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=600)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def ask(self, image: np.ndarray, question: str, history: History, session: int) -> Given:
        """One request."""
        if session not in self._encoded:
            data = io.BytesIO()
            Image.fromarray(image).save(data, "PNG")
            self._encoded[session] = base64.b64encode(data.getvalue()).decode()
        turns = [{"question": asked, "answer": said} for asked, said in history]
        wanted = {"image": self._encoded[session], "question": question, "history": turns}
        status, reply = self._tell("POST", "/v1/ask", json.dumps(wanted))
        if status != 200:
            raise RuntimeError(f"{status}: {reply[:200].decode(errors='replace')}")
        made = json.loads(reply)
        return Given(made["text"], tuple(segment["rle"] for segment in made["segments"]))

    def memory(self) -> int:
        """As the service tells it."""
        _, text = self._tell("GET", "/metrics")
        line = next(line for line in text.decode().splitlines() if line.startswith("pinpoint_resident_bytes "))
        return int(float(line.split()[1]))


@contextlib.contextmanager
def served(checkpoint: Path, sessions: int) -> Iterator[str]:
    """The address of a ``pinpoint serve`` started for this."""
    words = ["--queue", str(4 * sessions), "--timeout", "600"]  # all come from one address
    with pinpoint("serve", "--checkpoint", str(checkpoint.absolute()), *words) as server:
        yield server.url


def talks(predictor: Predictor, count: int, questions: int) -> list[Talk]:
    """What each session asks, and what one predictor answers to it, one by one. Every second question follows the one
    before it in one conversation."""
    world, made = World("val", count), []
    for index in range(count):
        picture, samples = world.pack(index, questions)
        image = np.ascontiguousarray(picture)
        predictor.set_image(image)
        turns: list[tuple[str, History]] = []
        known: list[Given] = []
        for number, sample in enumerate(samples):
            before = [(turns[-1][0], known[-1].text)] if number % 2 else []
            turns.append((sample.turns[0].question, before))
            known.append(Given.of(predictor.ask(*turns[-1])))
        made.append(Talk(image, tuple(turns), tuple(known)))
    return made


@dataclass
class Tally:
    """What the sessions saw."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    mixed: int = 0
    different: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)
    places: list[tuple[int, float]] = field(default_factory=list)  # with the seconds of the question


def crowd(way: Way, all_talks: list[Talk], seconds: float, every: float = 1.0) -> Tally:
    """All sessions at once, each asking again as soon as it is answered, for so long."""
    tally, lock, begin = Tally(), threading.Lock(), time.monotonic()

    def session(number: int) -> None:
        talk, turn = all_talks[number], 0
        while time.monotonic() < begin + seconds:
            question, history = talk.turns[turn % len(talk.turns)]
            known = talk.known[turn % len(talk.turns)]
            try:
                way.begin(talk.image, history, number)
                start = time.perf_counter()
                given = way.ask(talk.image, question, history, number)
                spent = time.perf_counter() - start
            except Exception as error:  # whatever it is, it is counted, and the others go on
                with lock:
                    tally.errors.append(f"{type(error).__name__}: {error}")
                way.close(number)
                turn -= turn % 2  # a second question follows the one before
                time.sleep(0.2)
                continue
            place = way.place(number)
            right = given.same(known)
            others = not right and any(
                given.same(one) for n, other in enumerate(all_talks) if n != number for one in other.known
            )
            with lock:
                tally.seconds.append(spent)
                if place is not None:
                    tally.places.append((place, spent))
                tally.different += not right
                tally.mixed += others
            turn += 1

    threads = [threading.Thread(target=session, args=(number,), daemon=True) for number in range(len(all_talks))]
    for thread in threads:
        thread.start()
    while time.monotonic() < begin + seconds:
        tally.memory.append((time.monotonic() - begin, way.memory()))
        time.sleep(every)
    for thread in threads:
        thread.join()
    return tally


def overhead(way: Way, bare: Predictor, talk: Talk, count: int = ALONE) -> tuple[float, float]:
    """Median seconds of a question, by the way and by the bare predictor, in turn, one session alone."""

    def directly(question: str, history: History) -> Given:
        bare.set_image(talk.image)
        return Given.of(bare.ask(question, history))

    ways: tuple[Callable[[str, History], Given], ...] = (
        lambda question, history: way.ask(talk.image, question, history, 0),
        directly,
    )
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(count + 2):
        way.begin(talk.image, talk.turns[number % len(talk.turns)][1], 0)
        for one, seconds in zip(ways, spent, strict=True):
            start = time.perf_counter()
            one(*talk.turns[number % len(talk.turns)])
            seconds.append(time.perf_counter() - start)
    return statistics.median(spent[0][2:]), statistics.median(spent[1][2:])


def report(tally: Tally, seconds: float, alone: tuple[float, float]) -> dict[str, Any]:
    """The numbers. Memory is told at a tenth of the time, when all pictures have been seen, and at the end; its slope
    is that of a line through what lies between."""
    shown: dict[str, Any] = {"answered": len(tally.seconds), "a second": round(len(tally.seconds) / seconds, 2)}
    shown |= {"errors": len(tally.errors), "mixed": tally.mixed, "different": tally.different}
    if tally.errors:
        shown["first error"] = tally.errors[0]
    if tally.seconds:
        parts = np.percentile(tally.seconds, [50, 90, 99, 100])
        shown["latency s"] = {
            name: round(float(value), 3) for name, value in zip(("p50", "p90", "p99", "most"), parts, strict=True)
        }
    if tally.places:
        shown["latency by place"] = by_place(tally.places)
    settled = [(when, held) for when, held in tally.memory if when >= seconds / 10] or tally.memory
    when, held = np.array(settled, dtype=float).T
    slope = float(np.polyfit(when, held, 1)[0]) if len(held) > 2 else 0.0
    shown["memory MB"] = {
        "at a tenth": round(held[0] / 1e6),
        "at the end": round(held[-1] / 1e6),
        "most": round(held.max() / 1e6),
        "a minute": round(slope * 60 / 1e6, 2),
    }
    first = [held for when, held in tally.memory if when < 60]
    last = [held for when, held in tally.memory if when >= seconds - 60]
    shown["memory MB"] |= {
        "first minute": round(statistics.median(first or [0]) / 1e6),
        "last minute": round(statistics.median(last or [0]) / 1e6),
    }
    shown["alone s"] = {"by the way": round(alone[0], 4), "bare": round(alone[1], 4)}
    shown["overhead ms"] = round(1000 * (alone[0] - alone[1]), 1)
    return shown


def by_place(places: list[tuple[int, float]]) -> dict[str, dict[str, float]]:
    """Of each place in the queue how many questions there were, and their seconds' percentiles."""
    made = {}
    for place in sorted({place for place, _ in places}):
        seconds = [spent for where, spent in places if where == place]
        parts = {f"p{part}": round(float(np.percentile(seconds, part)), 3) for part in (50, 90, 99)}
        made[str(place)] = {"questions": len(seconds), **parts}
    return made


def main() -> int:
    """Print the numbers; 1 where anything failed or was mixed up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--questions", type=int, default=4, help="of each session")
    parser.add_argument("--through", dest="way", choices=["engine", "serve", "page"], default="serve")
    parser.add_argument("--url", help="of a service that runs already, of the same checkpoint")
    parser.add_argument("--out", type=Path, help="a JSON file for the same numbers")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    args = parser.parse_args()
    if args.url is not None and args.way != "serve":
        parser.error("--url is that of a service: leave --through away")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server that was started ends, too
    bare = Predictor.from_pretrained(args.checkpoint, Placement())
    asked = talks(bare, args.sessions, args.questions)
    with contextlib.ExitStack() as stack:
        way: Way
        if args.way == "page":
            way, asked = stack.enter_context(through_page.served(args.checkpoint)), through_page.as_shown(asked)
        elif args.way == "engine":
            way = Direct(args.checkpoint, 2 * args.sessions)
        else:
            way = Service(args.url or stack.enter_context(served(args.checkpoint, args.sessions)))
        alone = overhead(way, bare, asked[0])
        tally = crowd(way, asked, 60 * args.minutes)
        made: dict[str, Any] = {"commit": commit(), "cores": os.cpu_count(), "through": args.way}
        made |= {"sessions": args.sessions, "seconds": 60 * args.minutes}
        made |= report(tally, 60 * args.minutes, alone)
        kept = 0.0
        if isinstance(way, through_page.Page):
            made["pictures of closed tabs"] = freed = way.freed()
            kept = freed["left"]
    text = json.dumps(made, indent=2)
    print(text)
    if args.out is not None:
        args.out.write_text(text + "\n", encoding="utf-8")
    return 1 if tally.errors or tally.mixed or tally.different or kept else 0


if __name__ == "__main__":
    sys.exit(main())
