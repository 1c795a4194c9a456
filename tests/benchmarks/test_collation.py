"""The benchmark measures what training does."""

import pytest
import torch

from benchmarks import collation


@pytest.fixture(scope="module")
def model():
    return collation.network()


def test_parts_are_timed_apart_and_a_part_within_a_part_counts_once(monkeypatch):
    ticks = iter([0.0, 1.0, 3.0, 7.0])  # outer begins, inner begins, inner ends, outer ends
    monkeypatch.setattr(collation.time, "thread_time", lambda: next(ticks))
    clock = collation.Clock()
    with clock.part("outer"):
        assert clock.timed("inner", lambda x: x + 1)(2) == 3
    assert clock.spent == {"outer": 1.0 + 4.0, "inner": 2.0}


def test_every_part_of_a_training_batch_is_seen(tmp_path, monkeypatch, model):
    monkeypatch.setattr(collation, "MADE", 2)
    monkeypatch.setattr(collation, "SECONDS", 0.0001)
    made = [collation.Made(tmp_path)]
    items = collation.stream(made, model)
    count, clock = collation.measure(items, model, made)
    assert count == collation.BATCH
    assert set(clock.spent) >= {
        "decoding",
        "resizing",
        "masks to pixels",
        "queries, with masks as run lengths",
        "text: wordings",
        "text: tokens",
        collation.REST,
    }
    assert all(seconds > 0 for seconds in clock.spent.values())
    batch = collation.batch(items, model, 0)
    assert batch.sam.shape == (4, 3, 1024, 1024) and not batch.sam[:, :, 768:].any()
    assert batch.sam[:, :, :768].float().mean() > 50
    assert batch.chat.prepared.shape == (4, 3, 336, 336)
    for truth, ids in zip(batch.masks, batch.chat.ids, strict=True):
        marks = int((ids == model.backbone.mark_ids[0]).sum())
        assert truth.shape == (marks, 480, 640) and truth.dtype == torch.bool and truth.flatten(1).any(dim=1).all()


def test_a_root_that_is_none_is_said_in_a_line(tmp_path, capsys):
    assert collation.main([str(tmp_path / "none")]) == 2
    assert collation.main([str(tmp_path)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("no folder") and "holds none of the datasets" in second
