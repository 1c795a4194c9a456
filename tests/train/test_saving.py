import json
from collections import namedtuple

from torch import nn

from train import saving


def checkpoint(out, step, whole=True):
    path = out / "checkpoints" / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "weights").write_bytes(b"x" * 1000)
    if whole:
        (path / "trainer_state.json").write_text("{}")
    return path


def kept(out):
    return {int(path.name.rpartition("-")[2]) for path in (out / "checkpoints").glob("checkpoint-*")}


def test_the_newest_whole_checkpoint_is_gone_on_from(tmp_path):
    assert saving.last_checkpoint(tmp_path) == (None, 0)
    for step, whole in ((90, True), (100, True), (110, False)):
        checkpoint(tmp_path, step, whole)
    assert saving.last_checkpoint(tmp_path) == (tmp_path / "checkpoints" / "checkpoint-100", 100)


def test_the_newest_are_kept_and_the_one_that_validated_best(tmp_path):
    for step in (2, 4, 6, 8, 10):
        checkpoint(tmp_path, step)
    rows = [(2, 0.2), (4, 0.7), (6, 0.7), (8, 0.4)]
    (tmp_path / saving.SCORES).write_text("".join(json.dumps({"step": s, "giou": g}) + "\n" for s, g in rows) + '{"st')
    assert saving.best_step(tmp_path) == 4
    saving.prune(tmp_path, keep=2)
    assert kept(tmp_path) == {4, 8, 10}
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {f"checkpoint-{n}" for n in (4, 8, 10)}


def test_a_step_that_was_validated_again_counts_as_it_was_last(tmp_path):
    rows = [(2, 0.9), (4, 0.5), (2, 0.1)]
    (tmp_path / saving.SCORES).write_text("".join(json.dumps({"step": s, "giou": g}) + "\n" for s, g in rows))
    assert saving.best_step(tmp_path) == 4


def test_a_checkpoint_takes_its_name_at_once(tmp_path):
    old, staged = checkpoint(tmp_path, 4), tmp_path / "staged"
    staged.mkdir()
    (staged / "new").touch()
    saving.publish(staged, old)
    assert [path.name for path in old.iterdir()] == ["new"] and not staged.exists()


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    seen, flush = [], saving.folders.flush
    monkeypatch.setattr(saving.folders, "flush", lambda path: (seen.append((path.name, named.exists())), flush(path)))
    staged, named = checkpoint(tmp_path, 4), tmp_path / "checkpoints" / "checkpoint-6"
    saving.publish(staged, named)
    assert sorted(seen[:-1]) == [(name, False) for name in ("checkpoint-4", "trainer_state.json", "weights")]
    assert seen[-1] == ("checkpoints", True)


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    model = nn.ModuleList([nn.Linear(100, 100, bias=False), nn.Linear(50, 100, bias=False)])
    model[1].requires_grad_(False)
    weights = 4 * (100 * 100 + 100 * 50)
    assert saving.wanted(tmp_path, model) == 2 * weights + 12 * 100 * 100
    checkpoint(tmp_path, 2)
    assert saving.wanted(tmp_path, model) == weights + 1002
    disk = namedtuple("disk", "free")
    monkeypatch.setattr(saving.shutil, "disk_usage", lambda _: disk(weights + 1002))
    assert "is full" in saving.lacking(tmp_path, model) and "\n" not in saving.lacking(tmp_path, model)
    monkeypatch.setattr(saving.shutil, "disk_usage", lambda _: disk(2 * weights))
    assert saving.lacking(tmp_path, model) is None
