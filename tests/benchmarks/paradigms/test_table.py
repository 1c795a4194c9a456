"""The table's figures, worked out by hand."""

from dataclasses import replace

import pytest

from benchmarks.paradigms import asking, rows, table
from benchmarks.paradigms.plan import BY_NAME, Job
from eval import predictions
from tests.eval import board

SETTINGS = {"scenes": 2, "threads": 1, "steps": 130, "batch": 16}
NONE = {"masks": 0, "mean_estimate": None, "mean_iou": None, "pearson": None, "spearman": None}


def evaluation(giou, n_acc=0.5, seconds=0.2, pearson=0.6):
    numbers = {"gIoU": giou, "cIoU": 0.25, "N-acc": n_acc, "T-acc": 1.0}
    some = {"masks": 7, "mean_estimate": 0.8, "mean_iou": 0.5, "pearson": pearson, "spearman": 0.5}
    return {
        "numbers": numbers,
        "intervals": dict.fromkeys(numbers, (0.1, 0.9)),
        "seconds_answer": seconds,
        "estimate": {"all": some, "overlapping": NONE},
    }


def row(name, seed, step, commit="abc", **evaluations):
    return {
        "name": name,
        "seed": seed,
        "settings": SETTINGS,
        "parameters": 1234567,
        "seconds_step": step,
        "evaluations": evaluations,
        "commit": commit,
        "device": "cpu",
    }


def cells(text, name):
    """Of each line of the tables that begins with a name."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [line[1:] for line in lines if line[0] == name]


def test_means_and_deviations_over_the_seeds():
    """Of 0.7 and 0.8 the mean is 0.75, the deviation of a sample sqrt(2 * 0.05^2 / 1) = 0.0707."""
    two = [row("points", 0, 3.0, own=evaluation(0.7, None)), row("points", 1, 4.0, own=evaluation(0.8, 0.4, 0.4, 0.7))]
    text = table.tables(two, {})
    first, second = cells(text, "points")
    assert first == [
        "2", "0.750 +- 0.071", "0.250 +- 0.000", "0.400", "1.000 +- 0.000", "-", "3.50 +- 0.71", "0.300 +- 0.141",
        "1,234,567",
    ]  # fmt: skip
    assert second == ["2", "14", "0.800 +- 0.000", "0.500 +- 0.000", "0.650 +- 0.071", "0.500 +- 0.000", "-", "-"]
    assert "2 runs, 130 steps of 16 pictures; 2 scenes" in text and "Which layer speaks" not in text


def test_one_seed_has_its_interval_and_each_use_a_line():
    group = row("group", 2, None, likely=evaluation(0.5), best=evaluation(0.6), last=evaluation(0.7))
    text = table.tables([group, row("all", 2, 1.0, "def", own=evaluation(0.7))], {})
    assert [cells(text, f"group, {use}")[0][1] for use in ("likely", "best", "last")] == [
        "0.500 (0.100 .. 0.900)", "0.600 (0.100 .. 0.900)", "0.700 (0.100 .. 0.900)"
    ]  # fmt: skip
    assert cells(text, "group, best")[0][0] == "1" and cells(text, "group, best")[0][6] == "-"
    assert "commit abc, def" in text


def test_answers_are_compared_question_by_question(tmp_path):
    """The truth is 16 pixels. `all` finds all of them in the first picture and none in the second, `mask` half in both:
    0.5 against 0.5 under seed 0; under seed 1 `mask` finds 16 and 8: 0.75. The mean over both is 0.125 more."""
    whole, half, apart = board.box(0, 0, 4, 4), board.box(0, 0, 2, 4), board.box(6, 6, 8, 8)
    drawn = {
        ("all", 0): (whole, apart),
        ("all", 1): (whole, apart),
        ("mask", 0): (half, half),
        ("mask", 1): (whole, half),
    }
    for (name, seed), shown in drawn.items():
        folder = asking.folder(tmp_path, Job(BY_NAME[name], seed), "own")
        folder.mkdir(parents=True)
        asked = board.turn(board.target("cup", whole))
        made = [board.predicted(asked, board.answer(board.segment("cup", mask))) for mask in shown]
        lines = [replace(one, id=f"{number}/0", image=f"val-{number}") for number, one in enumerate(made)]
        predictions.write(lines, folder / "predictions.jsonl")
        rows.add(tmp_path, row(name, seed, 1.0, own=evaluation(0.5)))
    gained = table.gains(rows.read(tmp_path), tmp_path)
    assert set(gained) == {("mask", "own")}
    one = gained["mask", "own"]
    assert (one.first, one.second) == (pytest.approx(0.5), pytest.approx(0.625))
    assert one.low == pytest.approx(-0.25) and one.high == pytest.approx(0.5)  # a picture drawn twice: 3/4 - 1, 1/2 - 0
    text = table.write(tmp_path)
    assert cells(text, "mask")[0][5] == "all: +0.125 (-0.250 .. +0.500)"
    assert (tmp_path / table.FILE).read_text() == text + "\n"


def test_nothing_finished_is_no_table(tmp_path):
    with pytest.raises(ValueError, match="no run is finished"):
        table.write(tmp_path)
