"""Every item gives its rows, on a tiny model of random weights; counts are those of the arithmetic."""

from itertools import pairwise, takewhile

import pytest
import torch

from benchmarks import items
from benchmarks.bench import Bench, write_marks
from benchmarks.items import attention, batches, growth, points, trace
from tests import tiny


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(points, "CASES", [(1, (24, 32))])
    monkeypatch.setattr(trace, "SHAPES", {"tiny": [(3, 4, 64)]})
    monkeypatch.setattr(batches, "BATCHES", (1, 2))
    monkeypatch.setattr(growth, "QUESTIONS", (1, 2))
    monkeypatch.setattr(growth, "PICTURES", ((48, 64),))
    monkeypatch.setattr(growth, "MARKS", (2,))
    monkeypatch.setattr(attention, "LENGTH", 8)
    model = tiny.model()
    head = model.backbone.llava.lm_head
    head.weight = torch.nn.Parameter(head.weight.clone())  # no longer the embeddings
    write_marks(model)
    made = Bench("tiny", torch.device("cpu"), repeats=1)
    made.__dict__["model"] = model
    return made


@pytest.mark.parametrize("name", items.available())
def test_rows_are_of_the_item_and_positive(name, bench):
    rows = list(items.load(name).run(bench))
    assert rows and {row.item for row in rows} == {name}
    assert len({row.case for row in rows}) == len(rows)
    assert all(row.unit in ("s", "B", "%", "1/s", "") for row in rows)
    assert all(row.ours.low <= row.ours.median <= row.ours.high for row in rows)


def test_positions_are_those_of_the_arithmetic(bench):
    rows = {row.case: row for row in items.load("questions").run(bench)}
    chats = [bench.model.backbone.encode_chat([(ask.question, None)]) for ask in bench.asks(5)]
    prefix, lengths = chats[0].prefix, [len(chat.ids) for chat in chats]
    shared = prefix + sum(length - prefix + 15 for length in lengths)
    # Words that a question begins with as the one before may be kept.
    alike = sum(
        len(list(takewhile(lambda pair: pair[0] == pair[1], zip(a.ids.tolist(), b.ids.tolist(), strict=False))))
        - prefix
        for a, b in pairwise(chats)
    )
    row = rows["token positions in turn, against the published way"]
    assert shared - alike <= row.ours.median <= shared
    assert row.direct.median == sum(16 * length + 120 for length in lengths)
    alone = rows["token positions in turn, against calls that share nothing"]
    assert alone.direct.median == sum(length + 15 for length in lengths)
    assert rows["passes of the SAM encoder, against the published way"].direct.median == 5
    assert rows["passes of the vision tower, against the published way"].direct.median == 80


def test_shares_add_up_to_the_whole(bench):
    rows = list(items.load("networks").run(bench))
    for seen in ("new picture", "known picture"):
        assert sum(row.ours.median for row in rows if row.case.startswith(seen)) == pytest.approx(100)


def test_different_answers_are_an_error(bench, monkeypatch):
    from benchmarks import direct

    told = direct.answer(bench.model, bench.picture(), "Where?", 16)
    monkeypatch.setattr(direct, "answer", lambda *_: direct.Told("else", told.logits, told.rejected))
    with pytest.raises(ValueError, match="the answers differ"):
        list(items.load("questions").run(bench))
