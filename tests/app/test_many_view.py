"""The view of many questions, with an engine that answers by rule."""

import threading

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import panels, places, presence
from app.views import many
from tests.app.pictures import red
from tests.app.shown import written
from tests.app.test_jobs import Rule
from tests.app.waiting import until

ENGINE = Rule()


def script():
    import tests.app.test_many_view as here
    from app.views import many

    many.show(here.ENGINE)


@pytest.fixture
def at(monkeypatch):
    monkeypatch.setattr(presence, "LOOK", 0.02)
    ENGINE.__init__()
    st.cache_data.clear()
    made = AppTest.from_function(script, default_timeout=60).run()
    yield made
    if "many_job" in made.session_state:
        made.session_state.many_job.close()


def give(at, files, question="", table=None):
    for file in files:
        at.file_uploader[0].upload(*file)
    if table is not None:
        at.file_uploader[1].upload("rows.csv", table.encode(), "text/csv")
    at.text_input(key="many_question").set_value(question).run()
    at.button(key="many_start").click().run()
    assert not at.exception
    return at


def finished(at):
    until(lambda: at.session_state.many_job.over)
    at.run()
    assert not at.exception
    return at


PAIR = [("a.png", red(), "image/png"), ("<b>b.png", red(40), "image/png")]


def test_one_question_for_all_pictures_fills_the_table(at):
    finished(give(at, PAIR, "Where is the **square**?"))
    assert ENGINE.asked == ["Where is the **square**?"] * 2
    text = written(at)
    assert "Done: 2 of 2 asked" in text and text.count("1 found, 1 not here") == 2
    assert "&lt;b&gt;b.png" in text and "<b>b" not in text
    assert "The square and the lamp." in text
    assert next(one.label for one in at.get("download_button")) == "Report (HTML)"


def test_a_table_of_questions_names_wrong_rows_and_asks_the_others(at):
    table = "image,question\na.png,Where?\ngone.png,Where?\na.png,\n../a.png,Where?\na.png,break\n"
    text = written(finished(give(at, PAIR, table=table)))
    assert ENGINE.asked == ["Where?", "break"]
    assert "line 3: gone.png: there is no such file" in text and "line 4: asks no question" in text
    assert "line 5: ../a.png: leads out of the folder" in text
    assert "2 of 2 asked, 1 failed" in text and "the model failed on this question" in text
    assert "/tmp" not in text


@pytest.mark.parametrize(
    ("files", "question", "table", "says"),
    [
        (PAIR, "", None, "write a question"),
        (PAIR, "", "a.png,Where?\n", "rows.csv: its first line must name the columns image, question"),
        (PAIR, "", "image,question\n", "rows.csv: holds no question that can be asked"),
        ([("all.zip", b"PK no", "application/zip")], "Where?", None, "all.zip: is no ZIP file"),
        ([("bad.png", b"<html>", "image/png")], "Where?", None, "bad.png: is not a picture"),
    ],
)
def test_what_cannot_be_asked_is_one_plain_line(at, files, question, table, says):
    text = written(give(at, files, question, table))
    assert says in text and "/tmp" not in text and "many_job" not in at.session_state
    give(at, PAIR, "Where?", table and "image,question\na.png,Where?\n")
    assert "many_job" in at.session_state


def test_nothing_is_asked_before_there_are_pictures(at):
    assert at.button(key="many_start").disabled and "Hand in pictures" in at.button(key="many_start").help
    at.session_state.many_job = panels.PRESSED  # pressed, and the pictures then taken back
    at.run()
    assert "hand in pictures first" in written(at) and "many_job" not in at.session_state


def test_a_press_whose_run_is_cut_short_is_not_lost(at, monkeypatch):
    whole, runs = many.prepared, []

    def cut(*given):
        runs.append(1)
        if len(runs) == 1:
            st.rerun()  # as for an upload that ends, or a field that is left
        return whole(*given)

    monkeypatch.setattr(many, "prepared", cut)
    finished(give(at, PAIR, "Where?"))
    assert len(runs) == 2 and ENGINE.asked == ["Where?"] * 2


def test_pause_resume_stop_and_another_list(at):
    ENGINE.gate = threading.Semaphore(1)
    give(at, [(f"{n}.png", red(), "image/png") for n in range(4)], "Where?")
    job = at.session_state.many_job
    until(lambda: job.answered == 1)
    at.run()
    at.button(key="many_pause").click().run()
    assert "Paused: 1 of 4 asked" in written(at)
    at.button(key="many_resume").click().run()
    ENGINE.gate.release()
    until(lambda: job.answered == 2)
    at.run()
    at.button(key="many_cancel").click().run()
    ENGINE.gate.release()
    text = written(finished(at))
    assert "Stopped: 2 of 4 asked" in text and "not asked" in text
    assert len(at.get("download_button")) == 4
    at.button(key="many_new").click().run()
    assert not at.exception and at.file_uploader
    until(lambda: not job.out.exists())


def test_each_row_can_be_looked_at(at):
    finished(give(at, [(f"{n:02}.png", red(30 + n), "image/png") for n in range(15)], "Where?"))
    at.number_input(key="many_row").set_value(14).run()
    text = written(at)
    assert "13.png" in text and "00.png" not in text  # the second page of the table
    assert "the square <small>score 0.90" in text and "=the lamp <small>not here" in text
    at.button(key="many_row-Rows before").click().run()
    assert "00.png" in written(at) and at.number_input(key="many_row").value == 1


def test_a_folder_of_the_server_is_asked_only_where_its_owner_allows_it(at, tmp_path, monkeypatch):
    assert not at.radio
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.png").write_bytes(red())
    (tmp_path / "b.png").write_bytes(red())
    (tmp_path / "mine/link.png").symlink_to(tmp_path / "b.png")
    monkeypatch.setenv(places.ROOTS, str(tmp_path / "mine"))
    at.run()
    at.radio[0].set_value(places.SERVER).run()
    at.text_input(key="many_question").set_value("Where?")
    at.text_input(key="many_typed").set_value(str(tmp_path))
    at.button(key="many_start").click().run()
    assert "no such place under the folders" in written(at) and ENGINE.asked == []
    at.text_input(key="many_typed").set_value(str(tmp_path / "mine"))
    at.button(key="many_start").click().run()
    text = written(finished(at))
    assert ENGINE.asked == ["Where?"] and "link.png: leads out of the folder" in text
