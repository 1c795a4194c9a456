"""``pinpoint merge`` and ``pinpoint push``, as one types them; the hub is an imitation on this machine."""

import json

import pytest
import yaml
from huggingface_hub import constants

from app.cli import main
from model.grounding import GroundingModel
from model.released.hub import Hub
from tests import tiny
from tests.app.commands import refused
from tests.model.released.fixtures import client  # noqa: F401  # no proxy, no token, a cache of its own
from tests.model.released.imitation import Imitation

NAME = "someone/cups"


@pytest.fixture
def run(tmp_path):
    """A run's folder with what it has made."""
    folder = tmp_path / "run"
    tiny.model().save_pretrained(folder / "model")
    (folder / "model" / ".hidden").write_text("no")
    recipe = {
        "objective": "grounding", "init": "llava-1.5-7b", "steps": 200, "batch": 2, "accumulate": 3, "seed": 7,
        "options": {"data": {"refcoco": 3, "world": 1.5}}, "train": {"lora_": 0.001}, "lora": {"rank": 8, "alpha": 16},
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "run.json").write_text(json.dumps({"commit": "abc123", "versions": {"torch": "2.13"}}))
    return folder


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    with Imitation({}) as made:
        yield made


def test_a_run_is_uploaded_with_its_card_and_comes_back_the_same(run, hub, tmp_path, capsys):
    assert main(["push", str(run), NAME, "--endpoint", hub.url, "--licence", "apache-2.0", "--private"]) == 0
    assert f"{hub.url}/{NAME}/commit/{hub.commit(NAME)}" in capsys.readouterr().out
    sent = hub.repositories[NAME]
    there = {str(path.relative_to(run / "model")): path.read_bytes() for path in (run / "model").rglob("*.*")}
    assert sent == {name: content for name, content in there.items() if name != ".hidden"}
    assert hub.private == {NAME}
    card = sent["README.md"].decode()
    head = yaml.safe_load(card.split("---")[1])
    assert head["license"] == "apache-2.0" and head["pipeline_tag"] == "image-segmentation"
    for said in ("abc123", "llava-1.5-7b", "refcoco 3, world 1.5", "200 of 6 images", "rank 8", "embedding, points"):
        assert said in card, said
    numbers = sum(p.numel() for p in GroundingModel.from_pretrained(run / "model").parameters())
    assert f"| parameters | {numbers + 2 * 8:,} |" in card  # and the matrix by which SAM encodes positions
    listing = Hub(hub.url, tmp_path / "cache2").listing(NAME)
    assert set(listing.files) == set(sent)


def test_a_card_of_ones_own_stays(run, hub, capsys):
    (run / "model" / "README.md").write_text("mine")
    assert main(["push", str(run / "model"), NAME, "--endpoint", hub.url]) == 0
    assert hub.repositories[NAME]["README.md"] == b"mine" and "stays as it is" in capsys.readouterr().out


def test_a_dry_run_sends_and_writes_nothing(run, hub, capsys):
    before = sorted((run / "model").rglob("*"))
    assert main(["push", str(run), NAME, "--endpoint", hub.url, "--dry-run"]) == 0
    assert "# cups" in capsys.readouterr().out
    assert hub.repositories == {} and sorted((run / "model").rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "answered", "says"),
    [
        ([NAME], (403, ""), "a token that may write there"),
        ([NAME], (500, ""), "try again later"),
        (["cups"], None, "write OWNER/NAME"),
        ([NAME, "--licence", "none-such"], None, "no such license"),
        ([NAME, "--endpoint", "http://127.0.0.1:9"], None, "cannot be reached"),
    ],
)
def test_what_goes_wrong_is_one_line(run, hub, capsys, monkeypatch, words, answered, says):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    if answered:
        hub.refused[NAME] = answered
    endpoint = [] if "--endpoint" in words else ["--endpoint", hub.url]
    assert says in refused(capsys, "push", run, *words, *endpoint)


def test_nobody_logged_in_is_said_first(run, hub, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert "hf auth login" in refused(capsys, "push", run, NAME, "--endpoint", hub.url)


def test_a_folder_that_is_none(tmp_path, run, capsys):
    assert "no checkpoint at" in refused(capsys, "push", tmp_path, NAME)
    (run / "model" / "config.json").unlink()
    assert "pinpoint merge" in refused(capsys, "push", run, NAME)
    (tmp_path / "empty").mkdir()
    assert "no recipe.yaml" in refused(capsys, "merge", tmp_path / "empty", "x")
    assert "no run at" in refused(capsys, "merge", "no", "x")


def test_the_list_says_what_each_recipe_is_for(capsys):
    assert main(["train", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("published/lisa-7b ") and line.endswith("LISA-7B as it was published") for line in lines)
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)
