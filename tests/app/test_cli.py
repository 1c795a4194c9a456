import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app import server_commands
from app.cli import main
from data import masks
from data.settings import build
from data.world.world import World
from model.placement import Machine, Placement
from model.predictor import Predictor
from tests.app.commands import refused

ROOT = Path(__file__).resolve().parents[2]


def test_ask_prints_the_answer_and_writes_files(checkpoint, pictures, tmp_path, capsys):
    words = ["ask", str(pictures / "plain.png"), "Where is the cup?", "--checkpoint", str(checkpoint)]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "<SEG>" not in said
    assert str(tmp_path / "out" / "overlay.png") in said
    assert (tmp_path / "out" / "overlay.png").is_file()


@pytest.mark.parametrize(
    "name",
    ["plain.png", "cmyk.jpg", "palette.png", "grey.png", "clear.png", "turned.jpg", "one.png", "wide.png"],
)
def test_with_json_standard_output_is_one_object(checkpoint, pictures, capsys, name):
    assert main(["ask", str(pictures / name), "Where is the cup?", "--json", "--checkpoint", str(checkpoint)]) == 0
    values = json.loads(capsys.readouterr().out)
    assert set(values) == {"text", "segments", "timings"}
    width, height = Image.open(pictures / name).size
    for segment in values["segments"]:
        assert set(segment) == {"phrase", "rejected", "score", "rle"}
        assert (segment["rle"] is None) == segment["rejected"]
        if segment["rle"] is not None:
            upright = [width, height] if name == "turned.jpg" else [height, width]
            assert segment["rle"]["size"] == upright


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("empty.png", "empty.png"),
        ("text.png", "not a picture"),
        ("cut.png", "damaged"),
        ("huge.png", "claims more pixels"),
        ("nowhere.png", "no such file"),
        ("", "folder"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(checkpoint, pictures, capsys, name, part):
    assert part in refused(capsys, "ask", pictures / name, "Where?", "--checkpoint", checkpoint)


@pytest.mark.parametrize(
    ("question", "part"),
    [("", "empty"), (" \n\t", "empty"), ("why " * 2500, "too long"), ("caf\udce9?", "UTF-8")],
)
def test_what_is_no_question_is_refused(checkpoint, pictures, capsys, question, part):
    assert part in refused(capsys, "ask", pictures / "plain.png", question, "--checkpoint", checkpoint)


def test_a_missing_or_damaged_checkpoint_is_refused(checkpoint, pictures, tmp_path, capsys):
    words = ["ask", pictures / "plain.png", "Where?", "--checkpoint"]
    assert "no checkpoint at" in refused(capsys, *words, tmp_path / "nowhere")
    for file in sorted(checkpoint.rglob("*.safetensors")) + [checkpoint / "config.json"]:
        shutil.rmtree(tmp_path / "damaged", ignore_errors=True)
        shutil.copytree(checkpoint, tmp_path / "damaged")
        copied = tmp_path / "damaged" / file.relative_to(checkpoint)
        copied.write_bytes(copied.read_bytes()[: copied.stat().st_size // 2])
        refused(capsys, *words, tmp_path / "damaged")
        copied.unlink()
        refused(capsys, *words, tmp_path / "damaged")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "COMMAND"),
        (["aks"], "did you mean ask?"),
        (["ask", "a.png", "b", "--jsno"], "did you mean --json?"),
        (["ask", "a.png", "b", "--chekpoint=c"], "did you mean --checkpoint?"),
        (["ask", "a.png"], "question"),
        (["ask", "a.png", "b", "--zzzz"], "see pinpoint ask --help"),
        (["world"], "ACTION"),
        (["world", "smaple"], "did you mean sample?"),
        (["world", "sample", "--out", "x", "--count", "-1"], "at least 1"),
        (["world", "sample", "--out", "x", "--count", "0"], "at least 1"),
        (["world", "sample", "--out", "x", "--seed", "two"], "whole number"),
        (["world", "sample", "--out", "x", "--overly"], "did you mean --overlay?"),
        (["world", "sample", "--out", "x", "--split", "tset"], "test_crowd"),
        (["convert", "a", "b"], "--from"),
        (["convert", "--from", "lsia", "a", "b"], "did you mean lisa?"),
        (["convert", "--from", "lisa", "nowhere", "b"], "no checkpoint at nowhere"),
        (["convert", "--from", "lisa", ".", "b", "--settings", "template"], "key=value"),
        (["convert", "--from", "lisa", ".", "b", "--settings", "template=]"], "cannot be read"),
        (["convert", "--from", "lisa", ".", "b", "--settings", "templat=llava_v1"], "did you mean 'template'?"),
        (["app", "--port", "70000"], "65535"),
        (["train"], "tiny/"),
        (["train", "tiny/nothing"], "tiny/"),
        (["train", "tiny/pretrain", "stpes=3"], "steps"),
        (["train", "--lsit"], "did you mean --list?"),
    ],
)
def test_wrong_words_get_one_line(capsys, words, part):
    assert part in refused(capsys, *words)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--device", "cuda:99"], "no device 'cuda:99' here"),
        (["--device", "gpu"], "no device 'gpu' here"),
        (["--precision", "half"], "invalid choice: 'half'"),
        (["--bits", "5"], "invalid choice"),
        (["--precison", "float32"], "did you mean --precision?"),
    ],
)
def test_what_the_machine_lacks_is_said_in_one_line(checkpoint, pictures, free_port, capsys, words, part):
    rest = ["--checkpoint", checkpoint, *words]
    assert part in refused(capsys, "ask", pictures / "plain.png", "Where?", *rest)
    assert part in refused(capsys, "eval", "world", *rest)
    assert part in refused(capsys, "app", "--port", free_port, *rest)


def test_bits_need_an_extra_that_is_named(checkpoint, pictures, capsys, monkeypatch):
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: Machine()))
    line = refused(capsys, "ask", pictures / "plain.png", "Where?", "--checkpoint", checkpoint, "--bits", "4")
    assert "pip install 'pinpoint[quantised]'" in line


def test_a_device_that_is_full_is_one_line(checkpoint, pictures, capsys, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 MiB.")

    monkeypatch.setattr(Predictor, "ask", full)
    assert "memory is full" in refused(capsys, "ask", pictures / "plain.png", "Where?", "--checkpoint", checkpoint)


def test_the_page_is_told_what_is_asked_of_the_machine(checkpoint, free_port, monkeypatch):
    started = []
    monkeypatch.setattr(server_commands, "run", lambda _, env, cwd: started.append(env) or 0)
    words = ["--port", str(free_port), "--device", "cpu", "--precision", "bfloat16"]
    assert main(["app", "--checkpoint", str(checkpoint), *words]) == 0
    told = build(Placement, json.loads(started[0]["PINPOINT_PLACEMENT"]), "the page")
    assert told == Placement(device="cpu", precision="bfloat16")
    assert started[0]["PINPOINT_ROOTS"] == ""


def test_the_page_is_told_which_folders_it_may_show(checkpoint, free_port, monkeypatch, tmp_path, capsys):
    started = []
    monkeypatch.setattr(server_commands, "run", lambda _, env, cwd: started.append(env) or 0)
    words = ["app", "--checkpoint", str(checkpoint), "--port", str(free_port)]
    assert main([*words, "--root", str(tmp_path), "--root", str(checkpoint / "..")]) == 0
    assert started[0]["PINPOINT_ROOTS"] == f"{tmp_path}:{checkpoint.parent}"
    assert "there is no such folder" in refused(capsys, *words, "--root", tmp_path / "gone")


def test_a_taken_port_is_named(checkpoint, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in refused(capsys, "app", "--port", port, "--checkpoint", checkpoint)
    assert "no checkpoint" in refused(capsys, "app", "--checkpoint", "nowhere")


def test_world_sample_writes_pictures_questions_and_truth(tmp_path, capsys):
    words = ["world", "sample", "--split", "test", "--seed", "7", "--count", "2", "--out", str(tmp_path), "--overlay"]
    assert main(words) == 0
    lines = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["test-000007", "test-000008"]
    for line, sample in zip(lines, map(World("test", 2, start=7).sample, range(2)), strict=True):
        assert (np.array(Image.open(tmp_path / line["image"])) == sample.load()).all()
        given = [t["rle"] for turn in line["turns"] for t in turn["targets"] if t["rle"] is not None]
        assert all(masks.decode(rle).shape == sample.size for rle in given)
        assert (tmp_path / f"{sample.id}-truth.png").is_file()
    (tmp_path / "file").touch()
    capsys.readouterr()
    assert "cannot be written" in refused(capsys, "world", "sample", "--out", tmp_path / "file")


def started(*words, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words], cwd=ROOT, env=environment, timeout=120, check=False, **options
    )


def test_help_and_version_answer_at_once():
    begin = time.perf_counter()
    said = started("--help", capture_output=True, text=True)
    assert said.returncode == 0
    assert all(command in said.stdout for command in ("ask", "train", "convert", "download", "app", "--version"))
    assert time.perf_counter() - begin < 10  # a machine under load; importing torch alone takes longer there
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, app.cli; print('torch' in sys.modules, 'numpy' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert loaded.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("words", ["ask", "world", "world sample", "eval", "train", "convert", "download", "app"])
def test_every_command_has_help(capsys, words):
    with pytest.raises(SystemExit) as left:
        main([*words.split(), "--help"])
    assert left.value.code == 0
    assert "usage: pinpoint" in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    ends = os.pipe()
    os.close(ends[0])
    with os.fdopen(ends[1], "wb") as closed:
        said = started("train", "--list", stdout=closed, stderr=subprocess.PIPE, text=True)
    assert said.returncode == 0
    assert "Traceback" not in said.stderr
    assert "Error" not in said.stderr
