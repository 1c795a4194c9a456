import json

import pytest

from eval.metrics import Counts
from eval.results import Record, read, write

ROWS = [
    Record(
        "Where is it?", "It is here <SEG>.", "Here <SEG>.", Counts("b", "kind", 3, 6, False, 1, (True,), (), (0.5,))
    ),
    Record("How many?", "Two.", "Three.", Counts("a", "count", 0, 0, True, 0, words=False)),
]


def test_records_come_back_in_the_order_of_their_ids(tmp_path):
    write(ROWS, tmp_path / "rows.jsonl")
    assert read(tmp_path / "rows.jsonl") == ROWS[::-1]
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [line["iou"] for line in lines] == [1.0, 0.5]


@pytest.mark.parametrize("line", ["{", "[]", '{"question": "x"}', '{"colour": 1}'])
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    write(ROWS, tmp_path / "rows.jsonl")
    with (tmp_path / "rows.jsonl").open("a") as lines:
        lines.write(line + "\n")
    with pytest.raises(ValueError, match=r"rows\.jsonl, line 3"):
        read(tmp_path / "rows.jsonl")
