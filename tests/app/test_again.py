import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import again, export
from app.arguments import CHECKPOINTS
from app.cli import main
from app.export import Talk
from app.session import STEPS, Exchange, Session
from app.setup import Setup
from data.world.world import World
from model.answer import Answer
from model.placement import Placement
from model.predictor import Predictor
from tests.app.commands import refused
from tests.app.export.talks import long

ROOT = Path(__file__).resolve().parents[2]
CODE = "-- --out /tmp\n'''; import os; os.mkdir('hacked') #\\ $(touch hacked) `touch hacked`"
HOSTILE = ['"b" $HOME', "--help", CODE]


NOTHING = np.zeros((0, 2)), np.zeros(0, int)


@pytest.fixture(scope="module")
def asked(talker):
    """A talk with three turns, its masks corrected as the page does it: one by a click, a box and a click outside, in
    this order, one anew after a reset, one more often than can be undone, one from another layer; and what is not there
    is drawn anyway, then clicked at."""
    predictor = Predictor.from_pretrained(talker)
    session = Session()
    session.show(World("val", 1).sample(0).load(), "Scene 1")
    predictor.set_image(session.image)
    for question in HOSTILE:
        session.exchanges.append(Exchange(question, predictor.ask(question, session.history())))

    def click(mask, x, y, inside=1, box=None):
        given = (np.array([[x, y]]), np.array([inside])) if box is None else (*NOTHING, np.array(box))
        session.correct(mask, predictor.refine(session.segments()[mask], *given))

    ways = ["clicked", "reset", "often", "layered"]
    drawn = False
    for number in range(len(session.exchanges)):
        session.chosen = number
        for mask, segment in enumerate(session.segments()):
            if segment.rejected and not drawn:
                session.correct(mask, predictor.segment_anyway(segment))
                click(mask, 40, 50)
                drawn = True
            if segment.rejected or not ways:
                continue
            way = ways.pop(0)
            if way == "layered":
                session.correct(mask, predictor.reground(segment, 1))
                continue
            click(mask, 20, 30)
            if way == "clicked":
                click(mask, 0, 0, box=[3, 4, 60, 50])
                click(mask, 5.5, 7, 0)
            elif way == "reset":
                session.reset(mask)
                click(mask, 70, 80)
                click(mask, 71, 82)
                session.undo(mask)
            else:
                for x in range(STEPS + 1):
                    click(mask, 2 * x, 40, x % 2)
    assert drawn and not ways
    return Talk(session.image, session.name, tuple(session.exchanges))


def test_the_python_draws_the_same_masks(asked, talker, tmp_path):
    (tmp_path / asked.picture.name).write_bytes(asked.picture.data)
    code = again.python(asked, Setup(talker))
    code += "\nnp.savez('masks.npz', *[segment.mask for found in segments for segment in found])\n"
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr
    masks = np.load(tmp_path / "masks.npz")
    true = [segment.mask for answer in asked.answers for segment in answer.segments]
    assert [mask.shape for mask in masks.values()] == [mask.shape for mask in true]
    assert all((mine == theirs).all() for mine, theirs in zip(masks.values(), true, strict=True))
    assert any(mask.any() and not mask.all() for mask in true)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["masks.npz", "scene-1.png"]


def test_the_commands_draw_the_same_masks(asked, talker, tmp_path, monkeypatch):
    plain = [
        replace(answer, segments=first.segments)
        for answer, first in zip(asked.answers, again_asked(asked, talker), strict=True)
    ]
    talk = Talk(asked.image, asked.name, tuple(Exchange(answer.question, answer) for answer in plain))
    (tmp_path / talk.picture.name).write_bytes(talk.picture.data)
    monkeypatch.chdir(tmp_path)
    lines = again.commands(talk, Setup(talker))
    assert len(lines) == 3
    for number, (line, answer) in enumerate(zip(lines, plain, strict=True), start=1):
        words = (
            subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
            .stdout.decode()
            .split("\0")[:-1]
        )  # as a real shell reads them
        assert words[0] == "pinpoint" and words == shlex.split(line)
        assert main(words[1:]) == 0
        files = sorted((tmp_path / f"answer-{number}").glob("mask-*.png"))
        true = [segment.mask for segment in answer.segments if not segment.rejected]
        assert len(files) == len(true)
        assert all(((np.array(Image.open(file)) > 0) == mask).all() for file, mask in zip(files, true, strict=True))
    assert not (tmp_path / "hacked").exists()


def again_asked(talk, folder):
    predictor = Predictor.from_pretrained(folder)
    predictor.set_image(talk.image)
    said = [(answer.question, answer.text) for answer in talk.answers]
    return [predictor.ask(question, said[:number]) for number, (question, _) in enumerate(said)]


def test_what_the_page_was_told_is_in_both(monkeypatch):
    monkeypatch.setenv("PINPOINT_CHECKPOINT", str(CHECKPOINTS / "lisa 7b"))
    monkeypatch.setenv("PINPOINT_PLACEMENT", '{"device": "cpu", "bits": 8, "offload": true, "attention": "eager"}')
    setup = Setup.of_page()
    assert setup.placement == Placement("cpu", bits=8, offload=True, attention="eager")
    code = again.python(long(), replace(setup, layer="best"))
    compile(code, "copied", "exec")
    assert "CHECKPOINTS / 'lisa 7b'" in code and "layer='best'" in code
    assert "Placement(device='cpu', bits=8, offload=True, attention='eager')" in code
    line = again.commands(long(), replace(setup, layer="best"))[1]
    words = shlex.split(line)
    placed = ["--device", "cpu", "--bits", "8", "--offload", "--layer", "best"]
    assert words[2:12] == ["--checkpoint", "lisa 7b", *placed, "--history"]
    assert words[-4:] == ["answer-2", "--", "table-cup.png", "And it?"]


def test_the_shipped_model_needs_no_name(monkeypatch):
    monkeypatch.delenv("PINPOINT_CHECKPOINT", raising=False)
    monkeypatch.delenv("PINPOINT_PLACEMENT", raising=False)
    talk = Talk(long().image, "a.png", long().exchanges[:1])
    assert again.commands(talk, Setup.of_page()) == [
        "pinpoint ask --out answer -- a.png 'Where is the cup, the ball and the lamp?'"
    ]
    code = again.python(talk, Setup.of_page())
    assert "Predictor.from_pretrained(CHECKPOINTS / 'tiny')" in code and "numpy" not in code


def test_corrections_come_in_their_order(asked):
    code = again.python(asked, Setup())
    lines = [line for line in code.splitlines() if " = predictor." in line and line.startswith("segments[")]
    boxed = next(at for at, line in enumerate(lines) if "box=" in line)
    name = lines[boxed].partition(" ")[0]
    assert all(line.startswith(name) for line in lines[boxed - 1 : boxed + 2])
    assert "np.array([[20.0, 30.0]]), np.array([1])" in lines[boxed - 1]
    assert "np.array([[5.5, 7.0]]), np.array([0])" in lines[boxed + 1]
    assert "[[70.0, 80.0]]" in code and "[[71.0, 82.0]]" not in code  # undone
    assert code.count("[[20.0, 30.0]]") == 2  # and not of the mask that was reset


def test_corrections_are_told_of_since_a_command_has_none(asked):
    assert again.by_hand(asked) and not again.by_hand(long())


def test_a_nul_cannot_be_in_a_command():
    talk = Talk(long().image, "a", (Exchange("a\0b", Answer("a\0b", "", ())),))
    assert "\0" not in again.commands(talk, Setup())[0]
    compile(again.python(talk, Setup()), "copied", "exec")


def test_every_export_is_written_by_the_command_line(talker, tmp_path, capsys, pictures):
    words = ["ask", str(pictures / "turned.jpg"), "Where?", "--checkpoint", str(talker), "--out", str(tmp_path)]
    assert main([*words, "--export", ",".join(export.FORMATS.available())]) == 0
    said = capsys.readouterr().out
    names = {"turned.png", "coco.json", "coco-polygons.json", "turned.json", "turned.html", "data.yaml", "turned.txt"}
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names <= files and all(name in said for name in names)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--export", "coco"], "--out DIR"),
        (["--export", " , ", "--out", "x"], "names no format"),
        (["--export", "cocoo", "--out", "x"], "did you mean 'coco'?"),
        (["--history", "[1]"], "--history"),
        (["--history", '[["a"]]'], "--history"),
        (["--history", "[" * 100_000], "--history"),
        (["--history", '[["\\ud800", "b"]]'], "not valid text"),
    ],
)
def test_wrong_words_get_one_line_before_the_model_is_read(pictures, tmp_path, monkeypatch, capsys, words, part):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Predictor, "from_pretrained", None)
    assert part in refused(capsys, "ask", pictures / "plain.png", "Where?", *words)
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_found_before_the_model_is_read(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Predictor, "from_pretrained", None)
    (tmp_path / "plain.json").write_text("corrected by hand")
    words = ["--export", "labelme,masks", "--out", tmp_path]
    assert "plain.json is there already" in refused(capsys, "ask", pictures / "plain.png", "Where?", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["plain.json"]
