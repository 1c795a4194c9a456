"""``pinpoint convert``."""

import errno
import json
import os
import signal

import pytest

from app.cli import main
from model.convert import _convert, _sizes
from tests.app.commands import refused
from tests.model.convert import released


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A released LISA of the smallest sizes, CLIP beside it."""
    made = tmp_path / "release"
    made.mkdir()
    rows = released.fast_tokenizer(made, [*released.SURROUND, "[SEG]"])
    released.config(made, rows)
    released.save(made, released.lisa(rows), parts=2)
    released.clip(tmp_path / "clip-tiny")
    monkeypatch.setattr(_sizes, "SAMS", {(32, 2): released.SAM})
    return made


def test_convert_makes_a_checkpoint_that_can_be_asked(release, pictures, capsys):
    made = release.parent / "made"
    assert main(["convert", "--from", "lisa", str(release), str(made), "--check"]) == 0
    said = capsys.readouterr().out
    assert f"wrote {made}: " in said
    assert "compared" in said
    assert "inv_freq and 2 more (computed from the sizes)" in said
    assert main(["ask", str(pictures / "one.png"), "Where?", "--json", "--checkpoint", str(made)]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"text", "segments", "timings"}
    assert "exists already" in refused(capsys, "convert", "--from", "lisa", release, made)


def test_convert_refuses_in_one_line_and_leaves_nothing(release, capsys, monkeypatch):
    made = release.parent / "made"
    before = sorted(release.parent.rglob("*"))
    words = ["convert", "--from", "lisa", str(release), str(made)]
    assert "try --from gsva or lisa" in refused(capsys, "convert", "--from", "read", release, made)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(_convert, "write", full)
        assert f"{made}: No space left on device" in refused(capsys, *words)
    with monkeypatch.context() as patched:
        patched.setattr(_convert, "write", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert main(words) == 130  # as with Ctrl-C
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert sorted(release.parent.rglob("*")) == before
    shard = next(release.glob("*00002.bin"))
    shard.write_bytes(shard.read_bytes()[:1000])
    assert shard.name in refused(capsys, *words)
