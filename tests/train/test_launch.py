"""What the launcher says and does before any process starts."""

import os
import shutil
import subprocess

import pytest
import torch

from train import launch, recipe, rundir


def test_a_left_lock_is_named_and_the_run_starts(tmp_path, monkeypatch, capsys):
    lock = tmp_path / "deepspeed_shm_comm" / "lock"
    lock.parent.mkdir()
    lock.touch()
    started = []
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setattr(subprocess, "call", lambda words, **_: started.append(words) or 0)
    assert launch.main(["tiny/tower"]) == 0
    assert len(started) == 1
    assert str(lock) in capsys.readouterr().err


def test_no_lock_no_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setattr(subprocess, "call", lambda words, **_: 0)
    assert launch.main(["tiny/tower"]) == 0
    assert capsys.readouterr().err == ""


def words(*given):
    args = launch.parser().parse_args(list(given))
    return launch.command(args, recipe.load(args.recipe, args.overrides))


def test_several_machines_are_reached_by_the_launcher(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("one slots=2\ntwo slots=2\n")
    made = words("tiny/tower", f"hosts={hosts}", "--launcher", "slurm", "--port", "29500")
    assert made[made.index("--hostfile") + 1] == str(hosts) and made[made.index("--launcher") + 1] == "slurm"
    assert made[made.index("--master_port") + 1] == "29500" and "--num_accelerators" not in made


def test_one_machine_of_several_starts_its_own_part(tmp_path):
    made = words("tiny/tower", f"hosts={tmp_path}", "--node", "1", "--address", "one", "--port", "29500")
    for option, value in (("--node_rank", "1"), ("--master_addr", "one"), ("--master_port", "29500")):
        assert made[made.index(option) + 1] == value
    assert "--no_ssh" in made


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--node", "0", "--port", "1", "--address", "a"], "go with --hostfile"),
        (["hosts=x", "--node", "0"], "needs --port and --address"),
    ],
)
def test_words_on_machines_that_do_not_fit(given, says):
    with pytest.raises(ValueError, match=says):
        words("tiny/tower", *given)


@pytest.fixture
def hosts(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("one slots=2\ntwo slots=4\n")
    return path


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--hostfile", "/nowhere/hsots"], "hosts: no file /nowhere/hsots"),
        (["--hostfile", "HOSTS", "--launcher", "slrum"], "no launcher 'slrum': did you mean 'slurm'"),
        (["--hostfile", "HOSTS", "--launcher", "x"], "no launcher 'x': there are pdsh, openmpi"),
        (["--hostfile", "HOSTS"], "pdsh needs pdsh, which is not installed"),
        (["--hostfile", "HOSTS", "--launcher", "slurm"], "slurm needs sinfo, which is not installed"),
        (["--hostfile", "HOSTS", "--node", "2", "--address", "a", "--port", "1"], "has machines 0 to 1, and not 2"),
    ],
)
def test_machines_that_cannot_be_reached_start_nothing(hosts, monkeypatch, given, says):
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: pytest.fail("started"))
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/ssh" if name == "ssh" else None)
    with pytest.raises(ValueError, match=says):
        launch.main(["tiny/tower", *(str(hosts) if word == "HOSTS" else word for word in given)])


def test_machines_that_can_be_reached_are(hosts, monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "call", lambda words, **_: started.append(words) or 0)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    assert launch.main(["tiny/tower", "--hostfile", str(hosts)]) == 0
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert launch.main(["tiny/tower", "--hostfile", str(hosts), "--node", "1", "--address", "a", "--port", "1"]) == 0
    assert len(started) == 2


def test_another_run_is_not_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: pytest.fail("started"))
    given = [f"out={tmp_path}", "processes=2"]
    rundir.describe(recipe.load("tiny/tower", given), {"processes": 2}, 0)
    (tmp_path / "checkpoints" / "checkpoint-3").mkdir(parents=True)
    (tmp_path / "checkpoints" / "checkpoint-3" / "trainer_state.json").touch()
    with pytest.raises(ValueError, match="holds 3 steps of another run"):
        launch.main(["tiny/tower", *given, "seed=1"])
    (tmp_path / "run.json").unlink()
    with pytest.raises(ValueError, match=r"--restart: .* holds files and no run"):
        launch.main(["tiny/tower", *given, "--restart"])


def test_a_run_that_a_signal_ended_has_a_shell_s_code(monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: -15)
    assert launch.main(["tiny/tower"]) == 143


def test_processes_take_the_gpus_that_are_visible(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5, 7")
    two = recipe.load("tiny/tower", ["processes=2"])
    made = words("tiny/tower", "processes=2")
    assert made[made.index("--include") + 1] == "localhost:2,5" and "--num_accelerators" not in made
    assert "CUDA_VISIBLE_DEVICES" not in launch.environment(two)
    with pytest.raises(ValueError, match="4 need a GPU each, and CUDA_VISIBLE_DEVICES names 3"):
        words("tiny/tower", "processes=4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5a,GPU-6b")
    with pytest.raises(ValueError, match="by their numbers alone"):
        words("tiny/tower", "processes=2")
    for hidden in ("", None):
        if hidden is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        made = words("tiny/tower", "processes=2")
        assert made[made.index("--num_accelerators") + 1] == "2"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "--num_accelerators" in words("tiny/tower", "processes=2")


def test_processes_share_the_cores_of_a_machine_by_its_slots(hosts, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    for given, threads in (([], 16), (["processes=2"], 8), (["processes=2", f"hosts={hosts}"], 4)):
        assert launch.environment(recipe.load("tiny/tower", given))["OMP_NUM_THREADS"] == str(threads)


def test_what_reports_must_be_there(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match="needs the package wandb"):
        launch.check(recipe.load("tiny/tower", ["report=[tensorboard, wandb]"]))


def test_what_validates_must_be_there():
    with pytest.raises(ValueError, match=r"^validate: no benchmark 'refcocco'"):
        launch.check(recipe.load("tiny/tower", ["validate=refcocco/val", "validate_steps=10"]))


@pytest.mark.parametrize("override", ["steps=0", "keep=0", "warmup=-1", "validate_steps=-1"])
def test_numbers_out_of_range_are_named(override):
    with pytest.raises(ValueError, match=rf"^{override.split('=')[0]}: "):
        recipe.load("tiny/tower", [override])
