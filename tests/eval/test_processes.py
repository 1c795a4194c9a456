import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from eval import processes
from eval.processes import Rank, ranks

ROOT = Path(__file__).resolve().parents[2]


def test_each_process_has_a_gpu_or_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert ranks(2) == [Rank(0, 2, "cpu"), Rank(1, 2, "cpu")]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [rank.device for rank in ranks(2)] == ["cuda:0", "cuda:1"]
    assert ranks(2, "cpu") == [Rank(0, 2, "cpu"), Rank(1, 2, "cpu")]
    assert ranks(1, "cuda:1") == [Rank(0, 1, "cuda:1")]
    with pytest.raises(ValueError, match="do not share cuda:1"):
        ranks(2, "cuda:1")
    with pytest.raises(ValueError, match="3 processes need a GPU each, and there are 2"):
        ranks(3)
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert ranks(1) == [Rank(5, 8, "cuda:1")]
    with pytest.raises(ValueError, match="leave --processes away"):
        ranks(2)


def test_work_that_cannot_be_done_is_refused(tmp_path):
    def opened(**changes):
        return processes.Work(tmp_path, tmp_path, **{"benchmark": "world", "split": "val", "count": 3, **changes}).open

    questions, way = opened()()
    assert (len(questions), way.protocol.name) == (3, "pinpoint")
    for changes, message in (
        ({"benchmark": "wrold"}, "did you mean 'world'"),
        ({"split": "vall"}, "no split 'vall'"),
        ({"protocol": "pinpiont"}, "did you mean 'pinpoint'"),
        ({"benchmark": "refcoco"}, "root"),
    ):
        with pytest.raises(ValueError, match=message):
            opened(**changes)()


class Evaluation:
    """``pinpoint eval world`` on three blocks of scenes and a few."""

    def __init__(self, checkpoint):
        self.words = ["eval", "world", "--count", "53", "--click", "--json", "--checkpoint", str(checkpoint)]

    def start(self, out, *words, launcher=()):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", *launcher, "app.cli", *self.words, "--out", str(out), *words]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def run(self, out, *words, launcher=()):
        assert self.start(out, *words, launcher=launcher).wait(timeout=600) == 0
        return kept(out)


def kept(out):
    """What is written, but for time and the command."""
    assert sorted(path.name for path in out.iterdir()) == ["predictions.jsonl", "report.html", "results.json"]
    values = json.loads((out / "results.json").read_text())
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    for one in (values.pop("time"), *lines):
        one.pop("seconds")
    values.pop("command")
    return values, lines


@pytest.fixture(scope="module")
def evaluation(checkpoint):
    return Evaluation(checkpoint)


@pytest.fixture(scope="module")
def alone(evaluation, tmp_path_factory):
    """The evaluation by one process that nothing interrupts."""
    return evaluation.run(tmp_path_factory.mktemp("alone"))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_give_the_same_to_the_last_digit(evaluation, alone, count, tmp_path):
    assert evaluation.run(tmp_path, "--processes", str(count)) == alone


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_processes_that_torchrun_starts_give_the_same(evaluation, alone, tmp_path, free_port):
    launcher = ("torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port), "--module")
    assert evaluation.run(tmp_path, launcher=launcher) == alone


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 2])
def test_an_evaluation_killed_three_times_goes_on(evaluation, alone, count, tmp_path):
    rng = random.Random(count)
    for kill in range(3):
        process = evaluation.start(tmp_path, "--processes", str(count))
        while not _size(tmp_path) and process.poll() is None:  # the first time; later there is something at once
            time.sleep(0.05)
        grown = _size(tmp_path) + rng.randrange(200, 3_000)  # of 33 thousand bytes in all, written by thousands
        while _size(tmp_path) < grown and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None, f"finished before kill {kill}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / "journal.json").is_file()
        assert not (tmp_path / "results.json").exists()
    assert evaluation.run(tmp_path, "--processes", str(count)) == alone


def _size(out):
    """Bytes in the journals."""
    return sum(path.stat().st_size for path in out.glob("journal-*.jsonl"))
