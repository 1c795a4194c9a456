"""``pinpoint eval``, and ``pinpoint compare`` and ``report`` on what it wrote."""

import json
import pickle

import pytest

from app.cli import main
from data import export
from data.world.world import World
from model.predictor import Predictor
from tests.app.commands import refused


def test_what_is_asked_of_the_machine_reaches_the_model_and_the_results(checkpoint, capsys):
    words = ["eval", "world", "--count", "1", "--checkpoint", str(checkpoint), "--json"]
    found = []
    for more in ([], ["--device", "cpu", "--precision", "bfloat16", "--offload"]):
        assert main([*words, *more]) == 0
        found.append(json.loads(capsys.readouterr().out)["placement"])
    assert (found[0]["precision"], found[0]["attention"], found[0]["bits"]) == ("float32", "sdpa", None)
    assert found[1] == {**found[0], "device": "cpu", "precision": "bfloat16", "offload": True}


def test_eval_world_prints_numbers_and_writes_records(checkpoint, tmp_path, capsys):
    words = ["eval", "world", "--split", "val", "--count", "3", "--checkpoint", str(checkpoint)]
    assert main([*words, "--json", "--click", "--out", str(tmp_path)]) == 0
    values = json.loads(capsys.readouterr().out)
    assert {"gIoU", "cIoU", "N-acc", "T-acc", "Pr@0.5", "words"} <= set(values["numbers"])
    assert (values["split"], values["pictures"], values["checkpoint"]) == ("val", 3, "tiny")
    assert json.loads((tmp_path / "results.json").read_text()) == values
    asked = sum(len(World("val", 3).sample(index).turns) for index in range(3))
    assert len((tmp_path / "predictions.jsonl").read_text().splitlines()) == asked
    (tmp_path / "report.html").unlink()  # as a kill between results and report would have it
    assert main([*words, "--json", "--click", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").is_file()
    again = capsys.readouterr()
    assert json.loads(again.out) == values  # its time as well: nothing was asked
    assert "holds these results already" in again.err
    assert "whose blind is false, and here it is true" in refused(
        capsys, *words, "--click", "--blind", "--out", tmp_path
    )
    assert main(["eval", "--from", str(tmp_path / "predictions.jsonl"), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    kept = ("benchmark", "split", "protocol", "numbers", "intervals", "kinds", "failed", "sha256")
    assert [scored[key] for key in kept] == [values[key] for key in kept]
    assert "name it" in refused(capsys, "eval", "--from", tmp_path, "--split", "test")
    lines = (tmp_path / "predictions.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "predictions.jsonl").write_text("".join(lines[1:]))
    assert "results.json beside it is of" in refused(capsys, "eval", "--from", tmp_path)
    (tmp_path / "predictions.jsonl").write_text("".join(lines))
    assert main([*words, "--blind"]) == 0
    assert "overall" in capsys.readouterr().out
    assert (tmp_path / "report.html").is_file()
    assert main(["compare", str(tmp_path), str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == []
    (tmp_path / "report.html").unlink()
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_text().count("data:image/webp") == 3


def test_eval_says_what_there_is(capsys):
    assert main(["eval", "--list"]) == 0
    assert {"world", "refcoco", "ReasonSeg", "grefcoco"} <= set(capsys.readouterr().out.split())


def test_eval_counts_what_fails_and_ends_well(checkpoint, tmp_path, capsys):
    data = tmp_path / "data"
    export.export("refcoco", data, 6, ["val"], 0)
    broken = sorted(data.rglob("*.jpg"))[0]
    broken.write_bytes(broken.read_bytes()[:200])
    words = ["eval", "refcoco", "--split", "val", "--data-root", str(data), "--checkpoint", str(checkpoint)]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "FAILED, scored zero: " in said
    assert broken.name in said
    values = json.loads((tmp_path / "out" / "results.json").read_text())
    assert 0 < values["failed"]["questions"] < values["questions"]
    assert broken.name in values["failed"]["named"][0]["error"]


def test_eval_is_the_same_in_whatever_order_annotations_stand(checkpoint, tmp_path):
    data, found = tmp_path / "data", []
    export.export("refcoco", data, 6, ["val"], 0)
    folder = data / "refer_seg" / "refcoco"
    for out in ("first", "second"):
        words = ["eval", "refcoco", "--data-root", str(data), "--checkpoint", str(checkpoint), "--batch", "4"]
        assert main([*words, "--json", "--out", str(tmp_path / out)]) == 0
        lines = [json.loads(line) for line in (tmp_path / out / "predictions.jsonl").read_text().splitlines()]
        values = json.loads((tmp_path / out / "results.json").read_text())
        for one in (*lines, values.pop("time")):
            del one["seconds"]
        del values["command"]
        stands = values.pop("annotations")
        assert all(stands != other for *_, other in found), "other files, the same numbers"
        found.append((values, lines, stands))
        refs = pickle.loads((folder / "refs(unc).p").read_bytes())
        (folder / "refs(unc).p").write_bytes(pickle.dumps(refs[::-1]))
        marks = json.loads((folder / "instances.json").read_text())
        backwards = {key: value[::-1] if isinstance(value, list) else value for key, value in marks.items()}
        (folder / "instances.json").write_text(json.dumps(backwards))
    assert found[0][:2] == found[1][:2]
    assert len(found[0][1]) > 6


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "--list"),
        (["wrold"], "did you mean 'world'?"),
        (["world", "--split", "tset"], "test_crowd"),
        (["world", "--protocol", "lisa"], "has no protocol 'lisa'"),
        (["refcoco"], "name the root"),
        (["refcoco", "--data-root", "nowhere"], "no folder nowhere"),
        (["world", "--checkpoint", "nowhere"], "no checkpoint at nowhere"),
        (["world", "--batch", "0"], "at least 1"),
        (["--from", "nowhere.jsonl"], "no predictions at nowhere.jsonl"),
        (["world", "--from", "nowhere.jsonl"], "no predictions at nowhere.jsonl"),
    ],
)
def test_eval_refuses_in_one_line_before_the_model_is_read(words, part, capsys, monkeypatch):
    monkeypatch.setattr(Predictor, "from_pretrained", None)
    assert part in refused(capsys, "eval", *words)
