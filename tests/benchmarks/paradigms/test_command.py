"""The command: what is finished is not done again, and what differs is said."""

import json
import shutil

import pytest

from benchmarks.paradigms import command, main, rows, training
from tests import tiny
from tests.train import runs


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    folder = tmp_path_factory.mktemp("common")
    tiny.model().save_pretrained(folder / "start")
    return ["--start", str(folder / "start"), "--segmenter", str(folder / "start"), "--scenes", "3", "--steps", "2"]


@pytest.fixture
def trained(monkeypatch):
    """The jobs that were trained, in order; a training leaves its start as its model."""
    done = []

    def train(job, settings, out):
        folder = out / "runs" / job.name
        start = training.start(job, settings, out) if job.after is None else out / "runs" / job.after.name / "model"
        shutil.copytree(start, folder / "model")
        (folder / "run.json").write_text(json.dumps({"learn": {"model.backbone": 10}}))
        (folder / "log.jsonl").write_text(json.dumps({"step": 2, "seconds_per_step": 1.5}) + "\n")
        done.append(job.name)
        return 0

    monkeypatch.setattr(training, "train", train)
    return done


def test_a_finished_run_is_skipped_and_others_are_added(common, trained, tmp_path, capsys):
    words = ["--out", str(tmp_path), *common, "--seeds", "0", "--only"]
    assert main([*words, "points", "group"]) == 0
    assert trained == ["points-0", "group-0"]
    before = (tmp_path / rows.FILE).read_text()
    assert main([*words, "points", "mask"]) == 0
    assert trained == ["points-0", "group-0", "mask-0"]
    assert (tmp_path / rows.FILE).read_text().startswith(before)
    points, group, _ = rows.read(tmp_path)
    assert points["settings"]["scenes"] == 3 and points["seconds_step"] == 1.5 and points["parameters"] == 10
    assert list(points["evaluations"]) == ["own"] and list(group["evaluations"]) == ["likely", "best", "last"]
    for numbers in (points["evaluations"]["own"], *group["evaluations"].values()):
        assert numbers["questions"] >= 3 and numbers["failed"] == 0 and 0 <= numbers["numbers"]["gIoU"] <= 1
    capsys.readouterr()
    assert main(["--out", str(tmp_path), "--table"]) == 0
    assert "| points | 1 |" in capsys.readouterr().out


def test_the_answers_are_those_of_the_evaluation_command(common, trained, tmp_path, capsys):
    from app.cli import main as pinpoint

    assert main(["--out", str(tmp_path), *common, "--seeds", "0", "--only", "all"]) == 0
    model = str(tmp_path / "runs" / "all-0" / "model")
    capsys.readouterr()
    words = ["eval", "world", "--split", "val", "--count", "3", "--checkpoint", model, "--json", "--threads", "1"]
    assert pinpoint(words) == 0
    told = json.loads(capsys.readouterr().out)
    (row,) = rows.read(tmp_path)
    assert {name: told["numbers"][name] for name in ("gIoU", "cIoU", "N-acc", "T-acc")} == row["evaluations"]["own"][
        "numbers"
    ]
    assert row["evaluations"]["own"]["intervals"]["gIoU"] == told["intervals"]["gIoU"]


def test_other_settings_are_refused_and_named(common, trained, tmp_path, capsys):
    words = ["--out", str(tmp_path), *common, "--seeds", "0", "--only", "points"]
    assert main(words) == 0
    for name in ("points", "mask"):  # of another run, too: all are in one table
        assert main([*words[:-1], name, "--scenes", "4"]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert "points-0 whose scenes is 3, and here it is 4" in said
    assert trained == ["points-0"]


def test_a_run_begun_with_other_settings_is_refused(common, trained, tmp_path, capsys):
    folder = tmp_path / "runs" / "mask-0"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"steps": 7}))
    assert main(["--out", str(tmp_path), *common, "--seeds", "0", "--only", "mask"]) == 2
    assert "mask-0 holds an unfinished run whose" in capsys.readouterr().err and not trained


def test_what_goes_on_from_another_run_needs_it(common, trained, tmp_path, capsys):
    words = ["--out", str(tmp_path), *common, "--seeds", "0", "--only"]
    assert main([*words, "all-more"]) == 2
    assert "all-more-0 goes on from all-0, which is not finished" in capsys.readouterr().err
    assert main([*words, "all-more", "all"]) == 0
    assert trained == ["all-0", "all-more-0"]
    assert rows.find(tmp_path, "all-more", 0)["settings"]["grpo_steps"] == 40


def test_a_run_that_another_process_is_at_is_left_to_it(common, trained, tmp_path, monkeypatch):
    """The other one finishes it while this one waits."""

    def other(_):
        told = json.loads((tmp_path / "runs" / "points-0" / "settings.json").read_text())
        rows.add(tmp_path, {"name": "mask", "seed": 0, "settings": told})

    monkeypatch.setattr(command.time, "sleep", other)
    with rows.locked(tmp_path / "runs" / "mask-0" / ".lock"):
        assert main(["--out", str(tmp_path), *common, "--seeds", "0", "--only", "mask", "points"]) == 0
    assert trained == ["points-0"]


def test_a_training_that_is_stopped_ends_the_command(common, tmp_path, monkeypatch, capsys):
    codes = iter([143, 2])
    monkeypatch.setattr(training, "train", lambda *_: next(codes))
    words = ["--out", str(tmp_path), *common, "--seeds", "0", "--only", "points"]
    assert main(words) == 143
    assert main(words) == 2
    assert "the training of points-0 ended with code 2" in capsys.readouterr().err
    assert not (tmp_path / rows.FILE).exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--out: name the folder"),
        (["--out", "here", "--start", "nowhere"], "--start: nowhere is no checkpoint"),
        (["--out", "here", "--steps", "0"], "'0' is no number from 1 on"),
        (["--out", "here", "--only", "al"], "did you mean 'all'?"),
    ],
)
def test_a_wrong_word_is_one_line(words, said, capsys):
    try:
        code = main(words)
    except SystemExit as left:
        code = left.code
    told = capsys.readouterr()
    assert code == 2 and told.err.count("\n") == 1 and said in told.err


def test_every_run_is_listed(capsys):
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [run.name for run in command.RUNS]


@pytest.mark.slow
def test_the_whole_way_with_real_training(common, tmp_path, capfd):
    """Two steps from the common start, and two of reinforcement; the first of each warms up and moves nothing."""
    words = ["--out", str(tmp_path), *common, "--batch", "2", "--grpo-steps", "2", "--grpo-batch", "1", "--seeds", "0"]
    assert main([*words, "--only", "group", "group-grpo"]) == 0, capfd.readouterr().err[-3000:]
    group, grpo = rows.read(tmp_path)
    assert [row["name"] for row in (group, grpo)] == ["group", "group-grpo"]
    begun = runs.weights(tmp_path / "starts" / "group-0")
    made = {row["name"]: runs.weights(tmp_path / "runs" / f"{row['name']}-0") for row in (group, grpo)}
    assert {name.split("/")[0] for name in runs.astray(begun, made["group"])} == {
        "model.safetensors", "channels.safetensors", "segmenter.safetensors", "policy.safetensors"
    }  # fmt: skip
    learned = {name.split("/")[0] for name in runs.astray(made["group"], made["group-grpo"])}
    assert learned and learned <= {"model.safetensors", "policy.safetensors"}
    assert grpo["parameters"] < group["parameters"]
    assert not (tmp_path / "runs" / "group-0" / "checkpoints").exists()
    before = (tmp_path / rows.FILE).read_text()
    assert main([*words, "--only", "group", "group-grpo"]) == 0
    assert (tmp_path / rows.FILE).read_text() == before
