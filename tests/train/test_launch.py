"""What the launcher says and does before any process starts."""

import subprocess

from train import launch


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
