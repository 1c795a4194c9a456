"""An evaluation on one process or several, here or under ``torchrun``: the same numbers to the last digit.

Process r of N takes the blocks r, r + N, ... of :mod:`eval.run` and writes them into a journal of its own. No process
waits for another but the first, which puts the results together when every block is whole.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import torch

from eval import benchmarks, run
from eval.benchmarks import Questions
from eval.journal import Reader, Writer
from eval.progress import Progress
from eval.run import Asker, Way
from model.placement import Placement
from model.predictor import Predictor

LOOK = 0.3  # seconds between looks at the journals of other processes


@dataclass(frozen=True)
class Rank:
    """One process of several: its number, how many there are, and where it computes."""

    number: int
    count: int
    device: str

    @property
    def first(self) -> bool:
        return self.number == 0


@dataclass(frozen=True)
class Work:
    """What every process is given.

    Attributes:
        checkpoint: its folder.
        out: where the journals are.
        benchmark, split, root, count: what is asked, as of :meth:`eval.benchmarks.base.Benchmark.open`.
        protocol: its name; the default if None.
        batch, blind, click: as of :class:`eval.run.Way`.
        threads: of a CPU, that each process has.
        placement: in what the networks compute; where is each process's own matter.
    """

    checkpoint: Path
    out: Path
    benchmark: str
    split: str
    root: Path | None = None
    count: int | None = None
    protocol: str | None = None
    batch: int = 8
    blind: bool = False
    click: bool = False
    threads: int = 1
    placement: Placement = field(default_factory=Placement)

    def open(self) -> tuple[Questions, Way]:
        """The questions, and how they are asked.

        Raises:
            ValueError: there is no such benchmark, split or protocol, or fewer pictures than are to be counted.
        """
        benchmark = benchmarks.find(self.benchmark)
        way = Way(benchmark.protocol(self.protocol), self.batch, self.blind, self.click)
        questions = benchmark.open(self.root, self.split, self.count)
        if self.count and len(questions) < self.count:
            raise ValueError(f"--count {self.count}: {self.benchmark} {self.split} has {len(questions)} pictures")
        return questions, way

    def predictor(self, device: str) -> Asker:
        """The checkpoint on a device."""
        return Predictor.from_pretrained(self.checkpoint, replace(self.placement, device=device))


def launched() -> bool:
    """Whether ``torchrun`` has started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def ranks(processes: int, device: str = "auto") -> list[Rank]:
    """The processes of this machine, or the one that this is under ``torchrun``.

    Args:
        processes: how many.
        device: of :class:`model.placement.Placement`. "auto" and "cuda" give each process a GPU of its own.

    Raises:
        ValueError: there are fewer GPUs than processes, or two ways of starting processes are mixed.
    """
    if launched():
        if processes > 1:
            raise ValueError("torchrun starts the processes: leave --processes away")
        number, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
        return [Rank(number, int(os.environ["WORLD_SIZE"]), _device(device, local, local + 1))]
    return [Rank(number, processes, _device(device, number, processes)) for number in range(processes)]


def _device(asked: str, number: int, needed: int) -> str:
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    if asked != "cuda":
        if asked.startswith("cuda") and needed > 1:
            raise ValueError(f"several processes do not share {asked}: give --device cuda, and each has a GPU")
        return asked
    if needed > torch.cuda.device_count():
        raise ValueError(f"{needed} processes need a GPU each, and there are {torch.cuda.device_count()}")
    return f"cuda:{number}"


def evaluate(work: Work, questions: Questions, way: Way, among: list[Rank], quiet: bool = False) -> Reader | None:
    """Ask all that the journals do not hold yet.

    Args:
        work: what is to be done.
        questions, way: as ``work.open`` gives them.
        among: as :func:`ranks` gives them.
        quiet: no progress bar.

    Returns:
        The journals, whole; None where another process puts the results together.

    Raises:
        ValueError: the checkpoint or the annotations are wrong, another evaluation writes the same journals, or a
            process was killed.
    """
    journals = Reader(work.out)
    journals.poll()
    total = run.blocks(questions)
    first = among[0].first
    with Progress(journals, len(questions), quiet or not first) as progress:
        if len(among) == 1:
            ask(work, questions, way, among[0], progress.look)
        else:
            _spawned(work, [rank for rank in among if _left(journals, total, rank)], progress.look)
        progress.look()
        while first and len(among) < among[0].count and len(journals.blocks) < total:  # torchrun's other processes
            time.sleep(LOOK)
            progress.look()
    return journals if first else None


def ask(work: Work, questions: Questions, way: Way, rank: Rank, look: Callable[[], None] = lambda: None) -> None:
    """The part of one process; ``look`` is called when the model is read and after each batch."""
    journals = Reader(work.out)
    journals.poll()
    left = _left(journals, run.blocks(questions), rank)
    if not left:
        return
    with Writer(work.out, rank.number) as journal, _threads(work.threads):
        predictor = work.predictor(rank.device)
        look()
        for _ in run.run(predictor, questions, way, left, journal):
            look()


def _left(journals: Reader, total: int, rank: Rank) -> list[int]:
    return [number for number in range(rank.number, total, rank.count) if number not in journals.blocks]


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _spawned(work: Work, among: list[Rank], look: Callable[[], None]) -> None:
    context = multiprocessing.get_context("spawn")
    started: list[tuple[SpawnProcess, connection.Connection]] = []
    try:
        for rank in among:
            hear, tell = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(work, rank, tell), daemon=True)
            process.start()
            tell.close()
            started.append((process, hear))
        while any(process.is_alive() for process, _ in started):
            connection.wait([process.sentinel for process, _ in started if process.is_alive()], timeout=LOOK)
            look()
            for process, hear in started:
                if process.exitcode:  # neither None, at work, nor 0, done
                    raise _end(process, hear)
        for process, hear in started:
            process.join()
            if process.exitcode:
                raise _end(process, hear)
    finally:
        for process, _ in started:
            process.terminate()
        for process, _ in started:
            process.join()


def _end(process: SpawnProcess, hear: connection.Connection) -> ValueError:
    """Why a process has ended."""
    with contextlib.suppress(EOFError):
        if hear.poll():
            return ValueError(hear.recv())
    code = process.exitcode or 0
    why = f"was killed by signal {-code}" if code < 0 else f"has ended with code {code}"
    return ValueError(f"a process of the evaluation {why}; the same command goes on where it stopped")


def _work(work: Work, rank: Rank, tell: connection.Connection) -> None:
    """What a started process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the first process too, which then ends this one
    threading.Thread(target=_follow, daemon=True).start()
    try:
        ask(work, *work.open(), rank)
    except (ValueError, OSError) as error:
        tell.send(str(error))
        raise SystemExit(2) from None


def _follow() -> None:
    """End with the process that has started this one, however that ends: nobody reads on what this one writes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
