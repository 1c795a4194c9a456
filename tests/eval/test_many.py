import json

import numpy as np
import pytest
from PIL import Image

from eval import many


@pytest.fixture
def folder(tmp_path):
    for name, size in (("a.png", (30, 20)), ("deep/b.jpg", (16, 40))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_is_asked_one_question(folder):
    rows, bad = many.read(folder, "What is red?")
    assert [(row.id, row.image, row.size, row.question) for row in rows] == [
        ("a.png", "a.png", (30, 20), "What is red?"),
        ("deep/b.jpg", "deep/b.jpg", (16, 40), "What is red?"),
    ]
    assert bad == []
    with pytest.raises(ValueError, match="say with --question"):
        many.read(folder)


def test_lines_may_have_an_id_and_bad_ones_are_named(folder):
    lines = [
        json.dumps({"image": "a.png", "question": "What is red?", "id": "mine"}),
        "{",
        "[1]",
        json.dumps({"image": "a.png", "question": " "}),
        json.dumps({"question": "Where?"}),
        json.dumps({"image": "notes.txt", "question": "Where?"}),
        json.dumps({"image": "a.png", "question": "Again?", "id": "mine"}),
        json.dumps({"image": "deep/b.jpg", "question": "Where is the cup?"}),
    ]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    rows, bad = many.read(folder / "rows.jsonl")
    assert [(row.id, row.image) for row in rows] == [("mine", "a.png"), ("000008", "deep/b.jpg")]
    assert [one.row for one in bad] == [f"line {number}" for number in range(2, 8)]
    for one, part in zip(
        bad, ("not JSON", "expected keys", "asks no", "names no image", "not a picture", "earlier row"), strict=True
    ):
        assert part in one.error


def test_a_table_has_a_head_line(folder):
    (folder / "rows.csv").write_text('\ufeffimage,question\na.png,"Is it red, or blue?"\na.png,\n')
    rows, bad = many.read(folder / "rows.csv", "And else?")
    assert [row.question for row in rows] == ["Is it red, or blue?", "And else?"]
    assert bad == []
    (folder / "rows.csv").write_text("a.png,What?\n")
    with pytest.raises(ValueError, match="its first line must name the columns"):
        many.read(folder / "rows.csv")


def test_rows_may_hold_ends_of_lines_and_keep_their_numbers(folder):
    (folder / "rows.csv").write_text('image, question\na.png, "Is it red,\nor blue?"\n\na.png, Where?\n')
    rows, bad = many.read(folder / "rows.csv")
    assert [(row.id, row.question) for row in rows] == [("000003", "Is it red,\nor blue?"), ("000005", "Where?")]
    assert bad == []
    line = json.dumps({"image": "a.png", "question": "Red?\u2028Or blue?"}, ensure_ascii=False)
    (folder / "rows.jsonl").write_text(f"{line}\r\n\n{line}\n", encoding="utf-8")
    rows, bad = many.read(folder / "rows.jsonl")
    assert [(row.id, row.question) for row in rows] == [(id, "Red?\u2028Or blue?") for id in ("000001", "000003")]
    assert bad == []


def test_what_is_no_table_is_refused_in_one_line(folder):
    (folder / "rows.csv").write_text("image,question\na.png," + "x" * 200_000 + "\n")
    with pytest.raises(ValueError, match=r"rows\.csv, line \d: is no line of a table"):
        many.read(folder / "rows.csv")


def test_a_file_of_nothing_is_refused(folder):
    (folder / "rows.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="holds no question that can be asked: line 1: names no image"):
        many.read(folder / "rows.jsonl")
    with pytest.raises(ValueError, match=r"a \.csv file or a \.jsonl file"):
        many.read(folder / "notes.txt")


def test_questions_of_a_picture_stand_together_and_have_no_truth(folder):
    lines = [{"image": name, "question": f"Where is {n}?"} for n, name in enumerate(("deep/b.jpg", "a.png", "a.png"))]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    typed = many.Typed(many.read(folder / "rows.jsonl")[0])
    assert [typed.name(index) for index in range(len(typed))] == ["a.png", "deep/b.jpg"]
    assert [sample.turns[0].question for sample in typed.samples(0, many.OWN)] == ["Where is 1?", "Where is 2?"]
    assert typed.picture("a.png").shape == (30, 20, 3)
    assert typed.picture("c.png") is None
