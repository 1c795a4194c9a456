"""``pinpoint download``, and ``--checkpoint NAME``, against a hub on loopback."""

import json

import numpy as np
import pytest
from PIL import Image

from app import cli
from app.catalogue import WIDTH
from app.cli import main
from model.released import table
from tests.app.commands import refused
from tests.model.released.fixtures import client, hub, repositories  # noqa: F401

LISA = "xinlai/LISA-7B-v1"


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch):
    """An empty folder in the place of the project's own."""
    made = tmp_path / "checkpoints"
    made.mkdir()
    monkeypatch.setattr(cli, "CHECKPOINTS", made)
    return made


@pytest.fixture
def photo(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_a_name_is_fetched_converted_and_asked(hub, checkpoints, photo, capsys):  # noqa: F811
    ask = ["ask", str(photo), "Where is the red cup?", "--json", "--checkpoint", "lisa-7b-v1"]
    assert "run `pinpoint download lisa-7b-v1` first" in refused(capsys, *ask)
    assert main(["download", "lisa-7b-v1", "--endpoint", hub.url]) == 0
    said = capsys.readouterr()
    assert f"fetching {LISA}: 8 files" in said.out
    assert said.out.splitlines()[-1].endswith("--checkpoint lisa-7b-v1")
    assert said.err == ""
    assert main(ask) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"text", "segments", "timings"}
    assert main(["download", "lisa-7b-v1", "--endpoint", hub.url]) == 0
    assert "is there already" in capsys.readouterr().out
    assert [path.name for path in checkpoints.iterdir()] == ["lisa-7b-v1"]


def test_a_folder_comes_before_a_name(hub, checkpoints, tmp_path, monkeypatch):  # noqa: F811
    assert main(["download", "lisa-7b-v1", "--endpoint", hub.url]) == 0
    monkeypatch.chdir(tmp_path)
    assert cli._folder(cli.Path("lisa-7b-v1")) == checkpoints / "lisa-7b-v1"
    (tmp_path / "lisa-7b-v1").mkdir()
    (tmp_path / "lisa-7b-v1" / "config.json").touch()
    assert cli._folder(cli.Path("lisa-7b-v1")) == tmp_path / "lisa-7b-v1"


def test_a_dry_run_says_what_would_be_fetched(hub, checkpoints, capsys):  # noqa: F811
    assert main(["download", "llava-1.5-7b", "--dry-run", "--endpoint", hub.url]) == 0
    said = capsys.readouterr().out
    assert "llava-hf/llava-1.5-7b-hf at" in said and "ybelkada/segment-anything at" in said
    assert "model.safetensors" in said and "pickle" not in said
    assert hub.sent == [] and not list(checkpoints.iterdir())


def test_a_part_says_where_it_lies(hub, capsys):  # noqa: F811
    assert main(["download", "clip-vit-large-patch14", "--endpoint", hub.url]) == 0
    folder = cli.Path(capsys.readouterr().out.splitlines()[-1])
    assert (folder / "pytorch_model.bin").is_file()


def test_what_goes_wrong_is_one_line(hub, checkpoints, tmp_path, capsys, free_port):  # noqa: F811
    there = ["--endpoint", hub.url]
    assert "did you mean lisa-7b-v1?" in refused(capsys, "download", "lisa-7b", *there)
    assert "which release?" in refused(capsys, "download")
    assert "--list" in refused(capsys, "download", "lisa-7b-v1", "--json", *there)
    assert "did you mean --endpoint?" in refused(capsys, "download", "lisa-7b-v1", "--endpont", hub.url)
    assert "https://" in refused(capsys, "download", "lisa-7b-v1", "--endpoint", "hub")
    assert "by hand" in refused(capsys, "download", "gsva-7b-pt", *there)
    assert "no such repository" in refused(capsys, "download", "read-7b-val", *there)
    closed = f"http://127.0.0.1:{free_port}"
    assert "cannot be reached" in refused(capsys, "download", "lisa-7b-v1", "--endpoint", closed)
    assert "leave --out away" in refused(capsys, "download", "sam-vit-h", "--out", tmp_path / "sam", *there)
    hub.refused[LISA] = (403, "GatedRepo")
    assert "accept its terms" in refused(capsys, "download", "lisa-7b-v1", *there)
    del hub.refused[LISA]
    hub.cuts["tokenizer.json"] = [100] + [0] * 20
    (checkpoints / "file").touch()
    assert "exists already" in refused(capsys, "download", "lisa-7b-v1", "--out", checkpoints / "file", *there)
    assert main(["download", "lisa-7b-v1", *there]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in checkpoints.iterdir()] == ["file"]


def test_a_stop_is_one_line(hub, monkeypatch, capsys):  # noqa: F811
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("model.released.hub.http_get", stopped)
    assert main(["download", "clip-vit-large-patch14", "--endpoint", hub.url]) == 130
    assert capsys.readouterr().err == "pinpoint: stopped; what has arrived is kept, and the same command goes on\n"


def test_unknown_checkpoints_suggest_a_name(photo, capsys):
    words = ["ask", photo, "Where?", "--checkpoint"]
    assert "did you mean read-7b-val?" in refused(capsys, *words, "read-7b-vall")
    assert "name a folder that holds config.json" in refused(capsys, *words, "????")
    assert "no checkpoint at somewhere/else" in refused(capsys, *words, "somewhere/else")
    assert "did you mean" not in refused(capsys, *words, "sam-vit-h")


def test_the_list_fits_and_numbers_its_sources(capsys):
    assert main(["download", "--list"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= WIDTH
    rows, sources = said.split("\n\n")
    for name, release in table().releases.items():
        assert name in rows
        assert all(fact.value.split()[0].rstrip(",") in rows for fact in release.facts)
    for number in range(1, len(table().sources) + 1):
        assert f"[{number}]" in rows and f"\n[{number}] " in f"\n{sources}"
    assert main(["download", "--list", "gsva-7b-pt"]) == 0
    assert "https://cloud.tsinghua.edu.cn/" in capsys.readouterr().out


def test_the_list_as_json(capsys):
    assert main(["download", "--list", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert set(values["releases"]) == set(table().releases)
    assert values["releases"]["clip-vit-large-patch14"]["licence"] is None  # not known: blank, not guessed
    assert main(["download", "--list", "--json", "read-13b-test"]) == 0
    assert json.loads(capsys.readouterr().out)["licence"]["value"] == "MIT"
