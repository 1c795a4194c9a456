"""The command: rows, JSON, and one line for what is wrong."""

import json

import pytest

from benchmarks import __main__ as command
from benchmarks import items, table
from benchmarks.harness import Result, Spread, count
from benchmarks.items import points


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(points, "CASES", [(1, (24, 32)), (2, (24, 32))])
    return ["--only", "points", "--repeats", "1", "--device", "cpu"]


def test_the_table_has_a_row_for_each_case(quick, capsys):
    assert command.main(quick) == 0
    lines = capsys.readouterr().out.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("item"))
    assert lines[head].split() == ["item", "case", "ours", "direct", "times", "note"]
    assert [line.split("  ")[1].strip() for line in lines[head + 1 :]] == ["1 mark, 24 x 32", "2 marks, 24 x 32"]


def test_json_parses_and_is_written_beside_the_text(quick, capsys, tmp_path):
    assert command.main([*quick, "--json", "--write", str(tmp_path)]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made == json.loads((tmp_path / "performance.json").read_text())
    first = made["results"][0]
    assert first["size"] == "tiny" and first["item"] == "points" and first["unit"] == "s"
    assert first["ratio"] == pytest.approx(first["direct"]["median"] / first["ours"]["median"])
    assert "1 mark, 24 x 32" in (tmp_path / "performance.txt").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "point"], "did you mean 'points'?"),
        (["--device", "tpu"], "take cpu or cuda"),
        (["--repeats", "0"], "ask for 1 or more"),
        (["--size", "smal"], "did you mean small?"),
    ],
)
def test_a_wrong_word_is_one_line(words, said, capsys):
    try:
        code = command.main(words)
    except SystemExit as left:
        code = left.code
    told = capsys.readouterr()
    assert code == 2 and not told.out and told.err.count("\n") == 1 and said in told.err


def test_every_item_says_what_it_measures(capsys):
    assert command.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == items.available()
    assert all(len(line.split()) > 5 for line in lines)


def test_ratios_say_how_many_times_better():
    assert Result("i", "c", count(2), count(10), "s").ratio == 5
    assert Result("i", "c", count(10), count(2), "1/s").ratio == 5
    assert Result("i", "c", count(2), None, "s").ratio is None


def test_figures_are_in_the_unit_that_suits_them():
    assert table.figure(Spread(0.00035, 0.0003, 0.0011, 5), "s") == "0.35 ms (0.3 .. 1.1)"
    assert table.figure(count(2.5e8), "B") == "250 MB"
    assert table.figure(count(22200), "") == "22,200"


def test_too_little_memory_is_one_line(monkeypatch, capsys):
    from benchmarks import bench

    monkeypatch.setattr(bench, "free_memory", lambda device: 1e9)
    assert command.main(["--size", "small", "--only", "latency", "--device", "cpu"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and told[0].startswith("benchmarks: too little memory")
