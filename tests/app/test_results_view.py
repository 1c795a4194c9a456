"""The view of results, from files handed in and from a folder of the server."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import panels, places
from eval import predictions
from tests.app.pictures import red
from tests.app.shown import written
from tests.app.test_answers import SAMPLES


def script():
    from app.views import results

    results.show(None)


@pytest.fixture
def at():
    return AppTest.from_function(script, default_timeout=60).run()


def lines():
    return "".join(predictions.line(one) for one in SAMPLES).encode()


def opened(at, *files, pictures=()):
    for name, data in files:
        at.file_uploader[0].upload(name, data)
    for name, data in pictures:
        at.file_uploader[1].upload(name, data, "image/png")
    at.run()
    at.button(key="results_open").click().run()
    assert not at.exception
    return at


def test_numbers_and_questions_the_worst_first(at):
    values = {"benchmark": "world", "split": "val", "numbers": {"gIoU": 0.25}, "questions": 5}
    values["intervals"] = {"gIoU": [0.1, 0.4], "level": 0.95}
    opened(at, ("results.json", json.dumps(values).encode()), ("mine.jsonl", lines()))
    text = written(at)
    assert "world, val" in text and "0.250\n0.100 – 0.400" in text and "5 of 5 questions" in text
    assert text.index("failed") < text.index("0.500") < text.index("1.000")
    assert "the model failed" in text and "e/0" in text
    assert "<b>cup" not in text and "&lt;b&gt;cup&lt;/b&gt;" in text


def test_questions_are_chosen_by_kind_words_and_fault(at):
    opened(at, ("predictions.jsonl", lines()))
    at.selectbox(key="results_kind").set_value("use").run()
    assert "1 of 5 questions" in written(at) and "What keeps me DRY?" in written(at)
    at.selectbox(key="results_kind").set_value("every kind").run()
    at.selectbox(key="results_shown").set_value("drew what is not there").run()
    assert "1 of 5 questions" in written(at) and "d/0" in written(at)
    at.text_input(key="results_text").set_value("nothing like it").run()
    assert "0 of 5 questions" in written(at) and not at.exception
    at.text_input(key="results_text").set_value("").run()
    at.selectbox(key="results_shown").set_value("all questions").run()
    at.number_input(key="results_row").set_value(5).run()
    assert "a/0" in written(at) and len(at.get("imgs") or at.get("image")) == 2


def test_pictures_handed_in_are_shown_beside(at):
    opened(at, ("predictions.jsonl", lines()), pictures=[("a.png", red(10, 10))])
    assert "not at hand" not in written(at)
    assert at.session_state.results_held.pictures("a.png")[0, 0].tolist() == [255, 0, 0]
    held = at.session_state.results_held.folder.name
    at.button(key="results_close").click().run()
    assert at.button(key="results_open") and not Path(held).exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([("a.jsonl", b"{")], "predictions.jsonl, line 1: not JSON"),
        ([("a.json", b"<script>")], "results.json: is damaged"),
        ([("a.json", b"{}"), ("b.json", b"{}")], "two files to take for results.json"),
    ],
)
def test_a_bad_file_is_one_plain_line_and_the_next_one_opens(at, files, says):
    text = written(opened(at, *files))
    assert says in text and "/tmp" not in text and "results_held" not in at.session_state


def test_nothing_is_opened_before_there_is_a_file(at):
    assert at.button(key="results_open").disabled and "Hand in results.json" in at.button(key="results_open").help
    at.session_state.results_held = panels.PRESSED  # pressed, and the files then taken back
    at.run()
    assert "hand in results.json or predictions.jsonl first" in written(at) and "results_held" not in at.session_state


def test_a_folder_of_the_server_only_where_its_owner_allows_it(at, tmp_path, monkeypatch):
    assert not at.radio
    (tmp_path / "mine/val").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    for place in ("mine/val", "secret"):
        predictions.write(SAMPLES, tmp_path / place / "predictions.jsonl")
    (tmp_path / "mine/link").mkdir()
    (tmp_path / "mine/link/predictions.jsonl").symlink_to(tmp_path / "secret/predictions.jsonl")
    monkeypatch.setenv(places.ROOTS, str(tmp_path / "mine"))
    at.run()
    at.radio[0].set_value(places.SERVER).run()
    for typed in (tmp_path / "secret", tmp_path / "mine/link", "../secret"):
        at.text_input(key="results_typed").set_value(str(typed)).run()
        opened(at)
        assert "no such place under the folders" in written(at)
    at.selectbox(key="results_found").set_value("mine/val").run()
    opened(at)
    assert "5 of 5 questions" in written(at)
