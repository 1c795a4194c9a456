from eval.table import table

RESULTS = {
    "questions": 3,
    "numbers": {"gIoU": 0.5, "a longer name": None, "words": 1.0},
    "kinds": {
        "colour": {"questions": 1, "gIoU": 0.75, "a longer name": None, "words": None},
        "size": {"questions": 1, "gIoU": 0.25, "a longer name": None, "words": None},
        "count": {"questions": 1, "gIoU": None, "a longer name": None, "words": 0.5},
    },
}


def test_the_table_has_the_worst_kind_first_and_a_dash_for_what_was_not_asked():
    lines = table(RESULTS).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["overall", "size", "count", "colour"]
    assert lines[1].split()[1:] == ["3", "0.500", "-", "1.000"]
    assert lines[3].split()[1:] == ["1", "-", "-", "0.500"]
    assert len({len(line) for line in lines}) == 1
