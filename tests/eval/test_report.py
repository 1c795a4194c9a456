import json

from eval.metrics import Counts, by_kind, summarise
from eval.report import as_json, table

ROWS = [
    Counts("1", "colour", 3, 4, False, 1, (True,), (), (0.75,)),
    Counts("2", "size", 1, 4, False, 1, (True,), (), (0.25,)),
    Counts("3", "count", 0, 0, True, 0, words=True),
]


def test_the_table_has_the_worst_kind_first_and_a_dash_for_what_was_not_asked():
    lines = table(summarise(ROWS), by_kind(ROWS)).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["overall", "size", "colour", "count"]
    assert lines[1].split()[1:] == ["3", "0.500", "0.500", "-", "1.000", "0.500", "0.000", "1.000"]
    assert lines[4].split()[1:] == ["1", "-", "-", "-", "-", "-", "-", "1.000"]
    assert len({len(line) for line in lines}) == 1


def test_the_summary_is_plain_json():
    values = json.loads(json.dumps(as_json(summarise(ROWS))))
    assert values["giou"] == 0.5
    assert values["precision"]["0.5"] == 0.5
    assert values["n_acc"] is None
