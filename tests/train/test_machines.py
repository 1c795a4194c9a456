"""Two machines, imitated by two groups of processes that meet over gloo: the launcher's own way, and torchrun's."""

import subprocess

import pytest
import torch

from tests.train import runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("machines")


@pytest.fixture(scope="module")
def recipe(folder):
    """Of two processes."""
    return runs.begin(folder, {**runs.RECIPE, "steps": 2, "batch": 1, "deepspeed": "zero2"})


@pytest.fixture(scope="module")
def one(folder, recipe):
    """What it gives on one machine."""
    runs.launched(recipe, f"out={folder / 'one'}", "processes=2")
    return runs.weights(folder / "one")


def together(folder, *commands):
    """Both ends at once, as on two machines; what they say goes to files, as one would wait for a pipe to be read."""
    logs = [folder / f"log{number}" for number in range(len(commands))]
    started = []
    for words, log in zip(commands, logs, strict=True):
        with log.open("w") as file:
            started.append(
                subprocess.Popen(words, cwd=runs.ROOT, env=runs.ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT)
            )
    try:
        codes = [each.wait(timeout=600) for each in started]
    finally:
        for each in started:
            each.kill()
    assert codes == [0, 0], "\n".join(log.read_text()[-2000:] for log in logs)


@pytest.mark.slow
def test_by_the_launcher_each_machine_started_by_itself(folder, recipe, one, free_port):
    (folder / "hosts").write_text("first slots=1\nsecond slots=1\n")
    out = folder / "two"
    words = [*runs.LAUNCHER, str(recipe), f"out={out}", "--hostfile", str(folder / "hosts")]
    words += ["--address", "127.0.0.1", "--port", str(free_port)]
    together(folder, [*words, "--node", "0"], [*words, "--node", "1"])
    torch.testing.assert_close(runs.weights(out), one, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_by_torchrun(folder, recipe, one, free_port):
    out = folder / "torchrun"
    words = [*runs.TORCHRUN, "--nnodes", "2", "--nproc_per_node", "1"]
    words += ["--master_addr", "127.0.0.1", "--master_port", str(free_port)]
    last = ["-m", "train.run", str(recipe), f"out={out}"]
    together(folder, [*words, "--node_rank", "0", *last], [*words, "--node_rank", "1", *last])
    torch.testing.assert_close(runs.weights(out), one, rtol=1e-6, atol=1e-7)
