"""What the launcher says and does before any process starts."""

import subprocess

import pytest

from train import launch, recipe


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


def test_what_reports_must_be_there(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match="needs the package wandb"):
        launch.check(recipe.load("tiny/tower", ["report=[tensorboard, wandb]"]))


@pytest.mark.parametrize("override", ["steps=0", "keep=0", "warmup=-1", "validate_steps=-1"])
def test_numbers_out_of_range_are_named(override):
    with pytest.raises(ValueError, match=rf"^{override.split('=')[0]}: "):
        recipe.load("tiny/tower", [override])
