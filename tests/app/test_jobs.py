"""Lists of questions in the background, with an engine that answers by rule."""

import csv
import io
import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import jobs, presence
from app.engine import Busy
from app.jobs import Job
from data import masks
from eval import many, predictions
from model.answer import Answer
from tests.app.waiting import until
from tests.eval.board import box, segment


class Rule:
    """Finds a square in every picture and no lamp; a gate holds it back, and some questions fail."""

    def __init__(self):
        self.asked, self.gate, self.busy = [], threading.Semaphore(10**6), 0

    def ask(self, image, question, history, on_text=None):
        self.gate.acquire()
        if self.busy:
            self.busy -= 1
            raise Busy("the queue is full")
        self.asked.append(question)
        if "break" in question:
            raise ValueError("the model failed on this question")
        if "explode" in question:
            raise RuntimeError("boom")
        on_text("The square <SEG>")
        size = image.shape[:2]
        found = (segment("the square", box(1, 1, 5, 5, size)), segment("=the lamp", None, size=size))
        return Answer(question, "=The square <SEG> and the lamp <REJ>.", found, {"total": 0.25})


@pytest.fixture
def made(monkeypatch):
    """Makes a job of questions, a picture for each; all are closed in the end."""
    monkeypatch.setattr(jobs, "RETRY", 0.01)
    monkeypatch.setattr(presence, "LOOK", 0.02)
    all_of_them = []

    def make(engine, questions, alive=lambda: True):
        folder = tempfile.TemporaryDirectory()
        lines = ["image,question"]
        for number, question in enumerate(questions):
            Image.new("RGB", (20, 10 + number)).save(f"{folder.name}/{number}.png")
            lines.append(f"{number}.png,{question}")
        table = Path(folder.name) / "questions.csv"
        table.write_text("\n".join(lines))
        rows, bad = many.read(table, within=Path(folder.name))
        all_of_them.append(Job(engine, rows, bad, folder, "tiny", alive))
        return all_of_them[-1]

    yield make
    for job in all_of_them:
        job.close()


def test_every_row_is_asked_and_a_failing_one_says_why(made):
    job = made(Rule(), ["Where?", "break it", "explode", "And this?"])
    job.start()
    until(lambda: job.over)
    assert job.state == "done" and (job.answered, job.failed) == (4, 2)
    assert [line.state for line in job.lines] == ["answered", "failed", "failed", "answered"]
    assert job.lines[0].answer == "=The square and the lamp." and (job.lines[0].found, job.lines[0].absent) == (1, 1)
    assert job.lines[1].problem == "the model failed on this question" and "boom" in job.lines[2].problem


def test_what_is_left_is_that_of_ask_many_and_a_table_that_runs_nothing(made):
    job = made(Rule(), ["Where?", "break it"])
    job.start()
    until(lambda: job.over)
    files = job.files()
    assert set(files) == {"report.html", "predictions.jsonl", "answers.csv", "results.json"}
    values = json.loads(files["results.json"].read_text())
    assert (values["questions"], values["pictures"], values["failed"]["questions"]) == (2, 2, 1)
    first, second = predictions.read(files["predictions.jsonl"])
    assert masks.decode(first.given[0].rle).sum() == 16 and first.given[1].rle is None
    assert second.error == "the model failed on this question"
    rows = list(csv.DictReader(io.StringIO(files["answers.csv"].read_text(encoding="utf-8-sig"))))
    assert rows[0]["answer"] == "'=The square and the lamp." and rows[0]["not here"] == "'=the lamp"
    assert rows[0]["found"] == "the square (0.90)" and rows[1]["problem"] == "the model failed on this question"
    assert "the square" in files["report.html"].read_text()


def test_an_answer_is_read_from_the_disk_while_the_rest_is_asked_and_after(made):
    engine = Rule()
    engine.gate = threading.Semaphore(1)
    job = made(engine, ["Where?", "Then?"])
    job.start()
    until(lambda: job.answered == 1)
    before = job.prediction(job.lines[0].id)
    assert before.question == "Where?" and job.prediction(job.lines[1].id) is None
    engine.gate.release()
    until(lambda: job.over)
    assert job.prediction(job.lines[0].id) == before
    assert job.prediction(job.lines[1].id).question == "Then?"
    assert job.picture(job.lines[1].image).shape == (11, 20, 3)


def test_a_pause_asks_nothing_and_what_follows_goes_on(made):
    engine = Rule()
    engine.gate = threading.Semaphore(1)
    job = made(engine, ["one?", "two?", "three?"])
    job.start()
    until(lambda: job.answered == 1)
    job.pause()
    engine.gate.release()  # the question that was under way, if there was one
    time.sleep(0.2)
    assert job.state == "paused" and len(engine.asked) <= 2
    held = len(engine.asked)
    for _ in range(5):
        engine.gate.release()
    time.sleep(0.2)
    assert len(engine.asked) == held
    job.resume()
    until(lambda: job.over)
    assert job.state == "done" and engine.asked == ["one?", "two?", "three?"]


@pytest.mark.parametrize("button", ["pause", "cancel"])
def test_a_button_that_is_pressed_as_the_job_ends_leaves_it_over(made, monkeypatch, button):
    engine = Rule()
    engine.gate = threading.Semaphore(0)
    job = made(engine, ["one?"])
    pressing = threading.current_thread()

    def state(self):
        """The state as the button finds it; before it can act, the thread has had a second to come to its end."""
        found = self.__dict__["state"]
        if threading.current_thread() is pressing and engine.gate._value == 0 and not engine.asked:
            engine.gate.release()
            end = time.monotonic() + 1
            while self.__dict__["state"] == "working" and time.monotonic() < end:
                time.sleep(0.01)
        return found

    monkeypatch.setattr(Job, "state", property(state, lambda self, new: self.__dict__.update(state=new)), raising=False)
    job.start()
    getattr(job, button)()
    job.resume()  # a pause that came in time would last
    until(lambda: job.over)
    assert job.state == "done" and job.answered == 1 and "answers.csv" in job.files()


def test_what_was_answered_before_a_stop_is_kept(made):
    engine = Rule()
    engine.gate = threading.Semaphore(2)
    job = made(engine, ["one?", "two?", "three?", "four?"])
    job.start()
    until(lambda: job.answered == 2)
    job.cancel()
    engine.gate.release()
    until(lambda: job.over)
    assert job.state == "stopped" and [line.state for line in job.lines] == ["answered"] * 2 + ["waiting"] * 2
    assert [one.question for one in predictions.read(job.files()["predictions.jsonl"])] == ["one?", "two?"]
    assert json.loads(job.files()["results.json"].read_text())["stopped_after"] == 2


def test_a_full_queue_is_waited_for(made):
    engine = Rule()
    engine.busy = 3
    job = made(engine, ["one?", "two?"])
    job.start()
    until(lambda: job.over)
    assert job.failed == 0 and engine.asked == ["one?", "two?"]


def test_a_job_ends_with_its_page_and_leaves_nothing(made, monkeypatch):
    monkeypatch.setattr(presence, "LINGER", 0.1)
    engine = Rule()
    engine.gate = threading.Semaphore(1)
    here = threading.Event()
    here.set()
    job = made(engine, ["one?", "two?", "three?"], here.is_set)
    job.start()
    until(lambda: job.answered == 1)
    assert job.out.is_dir()
    here.clear()
    time.sleep(0.2)
    for _ in range(3):
        engine.gate.release()
    until(lambda: not job.out.parent.exists())
    assert len(engine.asked) <= 2 and job.prediction(job.lines[0].id) is None and job.picture("0.png") is None


def test_the_files_of_a_job_that_is_over_go_with_the_page(made, monkeypatch):
    monkeypatch.setattr(presence, "LINGER", 0.1)
    here = threading.Event()
    here.set()
    job = made(Rule(), ["one?"], here.is_set)
    job.start()
    until(lambda: job.over)
    time.sleep(0.3)
    assert job.files()
    here.clear()
    until(lambda: not job.out.parent.exists())


def test_so_many_lists_at_a_time_and_no_more(made, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_JOBS", 1)
    engine = Rule()
    engine.gate = threading.Semaphore(0)
    first, second = made(engine, ["one?"]), made(engine, ["two?"])
    first.start()
    with pytest.raises(ValueError, match="are being asked already"):
        second.start()
    first.close()
    engine.gate.release()
    until(lambda: not jobs._working)
    second.start()
    engine.gate.release()
    until(lambda: second.over)


def test_places_refuses_what_is_no_list_of_answers(tmp_path):
    file = tmp_path / "predictions.jsonl"
    one = predictions.line(
        predictions.Prediction("a", "a", (2, 2), "k", "?", "", (), None, None, 0.0),
    )
    file.write_text(one + one)
    with pytest.raises(ValueError, match="line 2: the id 'a' is there twice"):
        jobs.places(file)
    file.write_text("[]\n")
    with pytest.raises(ValueError, match="line 1"):
        jobs.places(file)


def test_a_picture_of_a_row_is_read_from_under_its_folder_alone(tmp_path):
    (tmp_path / "in").mkdir()
    for place in ("out.png", "in/fine.png"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / place)
    (tmp_path / "in/link.png").symlink_to(tmp_path / "out.png")
    names = ["fine.png", "../out.png", str(tmp_path / "out.png"), "link.png"]
    table = tmp_path / "in/rows.csv"
    table.write_text("image,question\n" + "".join(f"{name},Where?\n" for name in names))
    rows, bad = many.read(table, within=tmp_path / "in")
    assert [row.image for row in rows] == ["fine.png"]
    assert len(bad) == 3 and all("leads out of the folder" in one.error for one in bad)
    assert len(many.read(table)[0]) == 4  # whoever types at the machine may name any file
    with pytest.raises(ValueError, match="more than 3 rows"):
        many.read(table, most=3)
