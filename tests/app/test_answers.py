import json
from dataclasses import replace

import numpy as np
import pytest

from app import answers
from app.answers import ORDERS, SHOWN, chosen, open_folder
from data import masks
from eval import predictions, results
from eval.predictions import Given, Prediction, Truth
from eval.protocols import WORLD
from tests.eval.board import SIZE, box, target


def one(id, drawn, true, kind="colour", question="Where is it?", error=None):
    """A prediction with one mask drawn and one true; None for what is said not to be there, or is not."""
    given = (Given("the cup", None if drawn is None else masks.encode(drawn), 0.9),)
    truth = Truth("The cup <SEG>.", (target("the cup", true),))
    return Prediction(id, "a.png", SIZE, kind, question, "The <b>cup</b> <SEG>.", given, truth, error)


SAMPLES = [
    one("a/0", box(0, 0, 4, 4), box(0, 0, 4, 4)),
    one("b/0", box(0, 0, 4, 4), box(0, 0, 8, 4), kind="use", question="What keeps me DRY?"),
    one("c/0", None, box(0, 0, 2, 2)),
    one("d/0", box(5, 5, 9, 9), None, kind="absent"),
    one("e/0", None, box(0, 0, 2, 2), error="the model failed"),
]


@pytest.fixture
def folder(tmp_path):
    predictions.write(SAMPLES, tmp_path / "predictions.jsonl")
    return tmp_path


def ids(rows):
    return [row.id[0] for row in rows]


def test_rows_have_the_scores_that_an_evaluation_gives_them(folder):
    opened = open_folder(folder)
    assert [row.score for row in opened.rows] == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert [(row.failed, row.missed, row.invented) for row in opened.rows] == [
        (False, False, False),
        (False, False, False),
        (False, True, False),
        (False, False, True),
        (True, False, False),
    ]
    assert [opened.prediction(row) for row in opened.rows] == SAMPLES


def test_without_results_the_numbers_are_counted(folder):
    opened = open_folder(folder)
    wanted = results.numbers(results.tally(SAMPLES, WORLD), WORLD)
    assert opened.table["rows"][0][1] == ["5"]
    low, high = wanted["intervals"]["gIoU"]
    assert opened.table["rows"][0][2] == ["0.300", f"{low:.3f} – {high:.3f}"]
    assert "counted here" in " ".join(opened.notes)


def test_results_alone_are_numbers_and_facts(tmp_path):
    values = {"benchmark": "world", "split": "val", "numbers": {"gIoU": 0.5}, "commit": "abc", "questions": 3}
    (tmp_path / "results.json").write_text(json.dumps(values))
    opened = open_folder(tmp_path)
    assert opened.title == "world, val" and opened.table["rows"] == [["overall", ["3"], ["0.500"]]]
    assert ["commit", "abc"] in opened.facts and opened.rows == [] and "predictions.jsonl" in opened.notes[0]


def test_answers_whose_truth_nobody_knows_have_no_score(tmp_path):
    predictions.write([replace(SAMPLES[0], truth=None)], tmp_path / "predictions.jsonl")
    opened = open_folder(tmp_path)
    assert opened.rows[0].score is None and opened.table is None


def test_the_worst_come_first_and_rows_are_found_by_kind_and_words(folder):
    rows = open_folder(folder).rows
    assert ids(chosen(rows)) == ["e", "c", "d", "b", "a"]
    assert ids(chosen(rows, ORDERS[1])) == ["a", "b", "c", "d", "e"]
    assert ids(chosen(rows, ORDERS[2])) == ["a", "b", "c", "d", "e"]
    assert ids(chosen(rows, kind="use")) == ["b"]
    assert ids(chosen(rows, text=" dry ")) == ["b"]
    assert [ids(chosen(rows, shown=shown)) for shown in SHOWN[1:]] == [["e"], ["c"], ["d"], ["e", "c", "d"]]


def test_more_than_is_looked_through_is_said(folder, monkeypatch):
    monkeypatch.setattr(answers, "MOST_ROWS", 2)
    opened = open_folder(folder)
    assert len(opened.rows) == 2 and "first 2 questions" in " ".join(opened.notes)


def bomb(side, count=1):
    """Masks that are small in a file and large in memory."""
    rle = {"size": [side, side], "counts": [side * side]}
    given = [{"phrase": "x", "rle": rle} for _ in range(count)]
    return {"id": "a", "image": "a", "size": [side, side], "kind": "k", "question": "?", "answer": "", "given": given}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "is empty"),
        ("{", "line 1: not JSON"),
        ("[1]", "line 1: expected keys and values"),
        ('{"id": "a"}', "the key 'image' is missing"),
        ("[" * 100_000, "line 1: not JSON"),
        (json.dumps(bomb(100_000)), "100000 x 100000 pixels is no size of a picture"),
        (json.dumps(bomb(7000, 20)), "has 20 masks of 7000 x 7000 pixels, more than are read"),
        (json.dumps({**bomb(4), "size": [4, 5]}), "another size than its picture"),
        (json.dumps({**bomb(4), "given": [{"phrase": "x", "rle": {"size": [4, 4], "counts": [3]}}]}), "runs add up"),
        (json.dumps({**bomb(4), "size": [0, 4], "given": []}), "no size of a picture"),
        (json.dumps(bomb(4)) + "\n" + json.dumps(bomb(4)), "line 2: its id is that of an earlier line"),
        ("\ud800", "utf-8"),
    ],
)
def test_a_bad_file_is_one_plain_line(tmp_path, line, says):
    (tmp_path / "predictions.jsonl").write_bytes(line.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match=says) as raised:
        open_folder(tmp_path)
    assert "\n" not in str(raised.value) and str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"numbers": {"gIoU": "x"}}',
        '{"numbers": {"gIoU": 1.0}, "kinds": [1]}',
        '{"numbers": {"gIoU": 1.0}, "intervals": {"gIoU": ["a", 1]}}',
        '{"numbers": {"gIoU": 1.0}, "intervals": 3}',
        '{"numbers": {"gIoU": 1.0}, "kinds": {"a": {"gIoU": "z"}}}',
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_damaged_results_are_one_plain_line(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=r"^results\.json: "):
        open_folder(tmp_path)


def test_nothing_at_all_is_said(tmp_path):
    with pytest.raises(ValueError, match="neither results"):
        open_folder(tmp_path)


def test_masks_of_other_systems_may_be_lists_of_runs(tmp_path):
    values = SAMPLES[0].as_json()
    values["given"][0]["rle"] = {"size": [10, 10], "counts": [0, 4, 96]}
    (tmp_path / "predictions.jsonl").write_text(json.dumps(values))
    opened = open_folder(tmp_path)
    assert opened.rows[0].score == 4 / 16
    drawn = masks.decode(opened.prediction(opened.rows[0]).given[0].rle)
    assert np.argwhere(drawn).tolist() == [[0, 0], [1, 0], [2, 0], [3, 0]]
