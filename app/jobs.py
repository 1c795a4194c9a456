"""Many questions asked in the background for one session of the page, in turns with everybody else's.

What is asked, how it is written down and what comes of it is that of ``pinpoint ask-many``: :mod:`eval.run`,
:mod:`eval.journal` and :mod:`eval.many`. A job lives in a folder of its own: pictures and answers wait on the disk, one
of each is in memory at a time, and the folder goes with the session.
"""

import csv
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from app import presence
from app.engine import Asks, Busy
from eval import many, predictions, report, run
from eval.journal import Reader, Writer
from eval.predictions import Prediction
from eval.results import PREDICTIONS, RESULTS
from eval.run import Asker, Way
from model.answer import Answer
from model.predictor import Ask
from model.tokens import unmarked

log = logging.getLogger(__name__)

MOST_JOBS = 4  # that are at work at a time, of all sessions together
RETRY = 1.0  # seconds until a question is asked again that found the queue full
SHOWN = 400  # letters of an answer in the table
ANSWERS = "answers.csv"

State = Literal["working", "paused", "stopping", "done", "stopped", "failed"]
_Place = tuple[int, int]  # offset and length of a line in a file
_working: set["Job"] = set()  # how many there are: nobody's pictures or words are reached through it
_door = threading.Lock()


@dataclass
class Line:
    """A row of the table.

    Attributes:
        id, image, question: as they were given.
        state: what has become of it.
        answer: in words, its beginning.
        found, absent: how many things the answer shows, and says are not there.
        problem: why there is no answer.
    """

    id: str
    image: str
    question: str
    state: Literal["waiting", "answered", "failed"] = "waiting"
    answer: str = ""
    found: int = 0
    absent: int = 0
    problem: str = ""


class Stopped(BaseException):
    """A job is to end at once; no error of a question, so nothing on the way takes it for one."""


class Job:
    """Rows that are asked one after the other.

    Args:
        engine: of the whole server.
        rows: what to ask; :func:`eval.many.read`.
        bad: rows that cannot be asked.
        folder: with the pictures, if they were handed in; removed when the job is closed.
        checkpoint: its name, for the results.
        alive: whether the person's page is there; a job whose page has been away for long ends.
    """

    def __init__(
        self,
        engine: Asks,
        rows: list[many.Row],
        bad: list[many.Bad],
        folder: "tempfile.TemporaryDirectory[str]",
        checkpoint: str = "",
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self.bad = bad
        self.questions = many.Typed(rows)
        order = [sample for n in range(len(self.questions)) for sample in self.questions.samples(n, many.OWN)]
        self.lines = [Line(one.id, one.image, one.turns[0].question) for one in order]
        self.state: State = "working"
        self.problem = ""
        self.seconds = 0.0
        self._engine, self._alive, self._checkpoint = engine, alive, checkpoint
        self._folder = folder
        self.out = Path(folder.name) / "answers"
        self._by_id = {line.id: line for line in self.lines}
        self._file, self._places = self.out / "journal-0.jsonl", dict[str, _Place]()
        self._going, self._ending, self._closed = threading.Event(), threading.Event(), threading.Event()
        self._going.set()
        self._lock, self._changing = threading.Lock(), threading.Lock()  # of the files, of the state
        self._seen = time.monotonic()
        self._thread = threading.Thread(target=self._live, name="many", daemon=True)

    def start(self) -> None:
        """Begin.

        Raises:
            ValueError: too many lists of other people are being asked.
        """
        with _door:
            if len(_working) >= MOST_JOBS:
                raise ValueError(f"{MOST_JOBS} lists of questions are being asked already; try again in some minutes")
            _working.add(self)
        try:
            self._thread.start()
        except RuntimeError as error:  # the system has no thread left
            with _door:
                _working.discard(self)
            raise ValueError("the server is too busy for a list of questions; try again in some minutes") from error

    @property
    def answered(self) -> int:
        """How many rows have an answer or a reason why not."""
        return sum(line.state != "waiting" for line in self.lines)

    @property
    def failed(self) -> int:
        return sum(line.state == "failed" for line in self.lines)

    @property
    def over(self) -> bool:
        """Nothing more is asked, and the files are written."""
        return self.state in ("done", "stopped", "failed")

    @property
    def left(self) -> float | None:
        """Seconds that the rest may take; None before anything is known."""
        done = self.answered
        return self.seconds / done * (len(self.lines) - done) if done else None

    def pause(self) -> None:
        """Ask nothing after the question that is being asked."""
        with self._changing:
            if self.state == "working":
                self.state = "paused"
                self._going.clear()

    def resume(self) -> None:
        """Go on."""
        with self._changing:
            if self.state == "paused":
                self.state = "working"
                self._going.set()

    def cancel(self) -> None:
        """Stop, and keep what is answered."""
        with self._changing:
            if not self.over:
                self.state = "stopping"
                self._ending.set()
                self._going.set()

    def close(self) -> None:
        """Stop, and remove everything."""
        self._closed.set()
        self._ending.set()
        self._going.set()

    def files(self) -> dict[str, Path]:
        """What can be taken away, by name; nothing before the job is over."""
        names = (report.NAME, PREDICTIONS, ANSWERS, RESULTS)
        return {name: self.out / name for name in names if self.over and (self.out / name).is_file()}

    def prediction(self, id: str) -> Prediction | None:
        """What is kept of the answer of a row, read from the disk; None before there is one."""
        with self._lock:
            place = self._places.get(id)
            if place is None or self._closed.is_set():
                return None
            with self._file.open("rb") as file:
                file.seek(place[0])
                return predictions.parse(file.read(place[1]).decode(), id)

    def picture(self, name: str) -> np.ndarray | None:
        """A picture of the list."""
        return None if self._closed.is_set() else self.questions.picture(name)

    def _live(self) -> None:
        """All that the thread does: ask, write down, and wait for the session's end to clear up."""
        try:
            try:
                self._work()
            finally:
                with _door:
                    _working.discard(self)
            while not self._closed.wait(presence.LOOK) and self._there():
                pass
        finally:
            with self._lock:
                self._closed.set()
                self._folder.cleanup()

    def _work(self) -> None:
        try:
            self.out.mkdir(exist_ok=True)
            with _Noting(self.out, self._note) as journal:
                self._ask(journal)
            if self._closed.is_set():
                raise Stopped
            self._finish()
        except Stopped:
            self._over("stopped")
        except OSError as error:
            self._fail(f"the answers cannot be stored ({error.strerror or error}); what was answered is below")
        except ValueError as error:
            self._fail(" ".join(str(error).split()))
        except Exception:  # a fault of ours: the page says so, the log has why
            log.exception("a list of questions failed")
            self._fail("something went wrong with this list; what was answered is below; try the rest again")

    def _fail(self, problem: str) -> None:
        self.problem = problem
        self._over("failed")

    def _over(self, state: State) -> None:
        """Nothing comes after this state, not even from a button that was pressed before it."""
        with self._changing:
            self.state = state

    def _ask(self, journal: "_Noting") -> None:
        """Ask everything, or as much as there is time for."""
        # No mask is corrected by clicks here, so of an asker only ask_all is needed.
        asker = cast(Asker, _Turns(self._engine, self._turn, self._wait))
        begin, blocks = time.perf_counter(), range(run.blocks(self.questions))
        try:
            for _ in run.run(asker, self.questions, Way(many.OWN, batch=1), blocks, journal):
                self.seconds = asker.seconds  # type: ignore[attr-defined]
                self._turn()  # what follows may be a picture that nothing is asked about
        except Stopped:
            journal.done(journal.block, (), time.perf_counter() - begin)  # nothing goes on from here: it is whole

    def _turn(self) -> None:
        """Come back when it is time to ask.

        Raises:
            Stopped: nothing more is to be asked.
        """
        while True:
            if self._ending.is_set():
                raise Stopped
            if not self._there():
                self.close()
                raise Stopped
            if self._going.wait(presence.LOOK):
                if self._ending.is_set():
                    raise Stopped
                return

    def _wait(self, seconds: float) -> bool:
        """Wait; whether the job still goes on."""
        return not self._ending.wait(seconds)

    def _there(self) -> bool:
        """Whether the page has been there lately."""
        now = time.monotonic()
        if self._alive():
            self._seen = now
        return now - self._seen < presence.LINGER

    def _note(self, line: str, place: _Place) -> None:
        """Take a written prediction into the table."""
        made = predictions.parse(line, "the journal")
        id = made.id.rpartition("/")[0]
        row = self._by_id[id]
        with self._lock:
            self._places[id] = place
        words = unmarked(made.answer)
        row.answer = words if len(words) <= SHOWN else words[:SHOWN] + " ..."
        row.found = sum(one.rle is not None for one in made.given)
        row.absent = len(made.given) - row.found
        row.problem = made.error or ""
        row.state = "answered" if made.error is None else "failed"

    def _finish(self) -> None:
        """The files that ``pinpoint ask-many`` leaves, and a table."""
        reader = Reader(self.out)
        reader.poll()
        done = self.answered
        head: dict[str, Any] = {
            "input": "a list of the page",
            "asked": self.questions.digest(),
            "pictures": len(self.questions),
            "checkpoint": self._checkpoint,
        }
        after: dict[str, Any] = {"command": ["the page"], "time": {"seconds": round(self.seconds, 1)}}
        if done < len(self.lines):
            head["stopped_after"] = done
        with self._lock:
            many.finish(self.out, head, reader, self.bad, after)
            self._file = self.out / PREDICTIONS
            self._places = {id.rpartition("/")[0]: place for id, place in places(self._file).items()}
        with (self.out / ANSWERS).open("w", encoding="utf-8-sig", newline="") as file:  # the mark is for Excel
            write_table(predictions.read(self._file), file)
        report.make(self.out, None, self.questions.picture)
        self._over("stopped" if done < len(self.lines) else "done")


class _Noting(Writer):
    """A journal that tells of each line where it stands.

    Attributes:
        block: the one that is open.
    """

    def __init__(self, folder: Path, note: Callable[[str, _Place], None]) -> None:
        super().__init__(folder, 0)
        self._note = note
        self.block = 0

    def begin(self, block: int) -> None:
        self.block = block
        super().begin(block)

    def add(self, lines: Iterable[str]) -> None:
        for line in lines:
            offset = self._file.seek(0, 2)
            super().add([line])
            self._note(line, (offset, len(line.encode())))


class _Turns:
    """The server's engine, asked as an evaluation asks a predictor: each question waits for its turn among all."""

    def __init__(self, engine: Asks, turn: Callable[[], None], wait: Callable[[float], bool]) -> None:
        self._engine, self._turn, self._wait = engine, turn, wait
        self.seconds = 0.0

    def set_image(self, image: np.ndarray) -> None:
        """Each question brings its picture."""

    def forget(self) -> None:
        """Others ask the engine, too: it knows itself what to keep."""

    def ask_all(self, asks: Sequence[Ask]) -> list[Answer]:
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Answer:
        assert isinstance(ask.image, np.ndarray)
        while True:
            self._turn()
            begin = time.perf_counter()
            try:
                made = self._engine.ask(ask.image, ask.question, ask.history, lambda _: self._wait(0))
            except Busy:
                self._wait(RETRY)
                continue
            finally:
                self.seconds += time.perf_counter() - begin
            if not self._wait(0):
                raise Stopped  # the answer may have been cut off
            return made


def places(file: Path) -> dict[str, _Place]:
    """Where the line of each prediction stands in a file, by id.

    Raises:
        ValueError: a line is no prediction, or two have the same id.
    """
    found: dict[str, _Place] = {}
    offset = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            id = predictions.parse(line.decode(), f"line {number}").id
            if id in found:
                raise ValueError(f"line {number}: the id {id!r:.80} is there twice")
            found[id] = (offset, len(line))
            offset += len(line)
    return found


def write_table(given: Iterable[Prediction], file: Any) -> None:
    """Predictions as CSV, their answers without marks, their things with the score of each."""
    table = csv.writer(file)
    table.writerow(["id", "image", "question", "answer", "found", "not here", "problem", "seconds"])
    for one in given:
        found = "; ".join(f"{mark.phrase or 'this'} ({mark.score:.2f})" for mark in one.given if mark.rle is not None)
        absent = "; ".join(mark.phrase or "this" for mark in one.given if mark.rle is None)
        cells = (one.id.rpartition("/")[0] or one.id, one.image, one.question, unmarked(one.answer), found, absent)
        table.writerow([*map(_inert, (*cells, one.error or "")), one.seconds])


def _inert(cell: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
