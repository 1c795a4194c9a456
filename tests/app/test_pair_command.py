"""``--backbone`` and ``--segmenter`` instead of a checkpoint."""

import json

import pytest
from huggingface_hub import constants

from app import server_commands
from app.cli import main
from model.released import pair
from tests.app.commands import refused
from tests.model.released.test_pair import CHANNELS, parts  # noqa: F401


@pytest.fixture
def words(parts, tmp_path, monkeypatch):  # noqa: F811
    """The two parts as a person names them, by a channel that speaks from marks."""
    make = pair.configured
    monkeypatch.setattr(pair, "configured", lambda *args: make(*args, channels=CHANNELS))
    monkeypatch.setattr("app.cli.CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return ["--backbone", str(parts[0].path), "--segmenter", str(parts[1].path)]


def test_two_parts_are_asked(words, pictures, tmp_path, capsys):
    assert main(["ask", str(pictures / "plain.png"), "Where is the cup?", "--json", *words]) == 0
    assert set(json.loads(capsys.readouterr().out)) >= {"text", "segments"}
    (made,) = (tmp_path / "checkpoints").glob("tiny-llava-*+tiny-sam2-*")
    assert (made / "config.json").is_file()


def test_the_page_and_the_service_are_given_the_pair(words, free_port, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(server_commands, "run", lambda words, env, cwd: started.append(env) or 0)
    assert main(["app", "--port", str(free_port), *words]) == 0
    (made,) = (tmp_path / "checkpoints").glob("tiny-llava-*+tiny-sam2-*")
    assert started[0]["PINPOINT_CHECKPOINT"] == str(made)


def test_what_does_not_go_together_is_refused_in_one_line(words, pictures, tmp_path, capsys):
    ask = ["ask", pictures / "plain.png", "Where?"]
    assert "go together" in refused(capsys, *ask, *words[:2])
    assert "leave it away" in refused(capsys, *ask, *words, "--checkpoint", tmp_path)
    assert "no backbone 'qwen3-vl-9b'" in refused(capsys, *ask, "--backbone", "qwen3-vl-9b", *words[2:])
    here = refused(capsys, *ask, *words[:2], "--segmenter", "sam2.1-large")
    assert "sam2.1-large is not here yet: run `pinpoint download sam2.1-large` first" in here
