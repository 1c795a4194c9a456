import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from data import masks
from data.world.world import World
from model.convert import _convert, _sizes
from tests import tiny
from tests.model.convert import released

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    tiny.model().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures as people bring them, good and odd; all can be read."""
    folder = tmp_path_factory.mktemp("pictures")
    image = Image.fromarray(World("val", 1).sample(0).load())
    image.save(folder / "plain.png")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("P").save(folder / "palette.png")
    image.convert("L").save(folder / "grey.png")
    clear = image.convert("RGBA")
    clear.putalpha(128)
    clear.save(folder / "clear.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(folder / "turned.jpg", exif=turned)
    Image.new("RGB", (1, 1)).save(folder / "one.png")
    Image.new("RGB", (8000, 40)).save(folder / "wide.png")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture")
    (folder / "cut.png").write_bytes((folder / "plain.png").read_bytes()[:3000])
    header = bytearray((folder / "plain.png").read_bytes())
    header[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height of the IHDR chunk, then its checksum
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    (folder / "huge.png").write_bytes(bytes(header))
    return folder


def refused(capsys, *words):
    """The one line that a refusal prints."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as left:
        code = left.code
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.startswith("pinpoint: ")
    assert said.err.count("\n") == 1
    return said.err


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
        (["eval", "wrold"], "did you mean world?"),
        (["eval", "world", "--split", "tset"], "test_crowd"),
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


def test_eval_world_prints_numbers_and_writes_records(checkpoint, tmp_path, capsys):
    words = ["eval", "world", "--split", "val", "--count", "3", "--checkpoint", str(checkpoint)]
    assert main([*words, "--json", "--click", "--out", str(tmp_path)]) == 0
    values = json.loads(capsys.readouterr().out)
    assert {"giou", "ciou", "n_acc", "t_acc", "precision"} <= set(values["overall"])
    assert (values["split"], values["scenes"], values["checkpoint"]) == ("val", 3, "tiny")
    assert json.loads((tmp_path / "results.json").read_text()) == values
    asked = sum(len(World("val", 3).sample(index).turns) for index in range(3))
    assert len((tmp_path / "questions.jsonl").read_text().splitlines()) == asked
    assert main([*words, "--blind"]) == 0
    assert "overall" in capsys.readouterr().out


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A released LISA of the smallest sizes, CLIP beside it."""
    made = tmp_path / "release"
    made.mkdir()
    rows = released.fast_tokenizer(made, [*released.SURROUND, "[SEG]"])
    released.config(made, rows)
    released.save(made, released.lisa(rows), parts=2)
    released.clip(tmp_path / "clip-tiny")
    monkeypatch.setattr(_sizes, "SAMS", {(32, 2): released.SAM})
    return made


def test_convert_makes_a_checkpoint_that_can_be_asked(release, pictures, capsys):
    made = release.parent / "made"
    assert main(["convert", "--from", "lisa", str(release), str(made), "--check"]) == 0
    said = capsys.readouterr().out
    assert f"wrote {made}: " in said
    assert "compared" in said
    assert "inv_freq and 2 more (computed from the sizes)" in said
    assert main(["ask", str(pictures / "one.png"), "Where?", "--json", "--checkpoint", str(made)]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"text", "segments", "timings"}
    assert "exists already" in refused(capsys, "convert", "--from", "lisa", release, made)


def test_convert_refuses_in_one_line_and_leaves_nothing(release, capsys, monkeypatch):
    made = release.parent / "made"
    before = sorted(release.parent.rglob("*"))
    words = ["convert", "--from", "lisa", str(release), str(made)]
    assert "try --from gsva or lisa" in refused(capsys, "convert", "--from", "read", release, made)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(_convert, "write", full)
        assert f"{made}: No space left on device" in refused(capsys, *words)
    with monkeypatch.context() as patched:
        patched.setattr(_convert, "write", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert main(words) == 130  # as with Ctrl-C
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert sorted(release.parent.rglob("*")) == before
    shard = next(release.glob("*00002.bin"))
    shard.write_bytes(shard.read_bytes()[:1000])
    assert shard.name in refused(capsys, *words)


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
