"""What a run is asked while it trains, and what it draws of the answers."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from eval.metrics import Counts
from tests import tiny
from train.processes import Processes
from train.recipe import Recipe
from train.records import LINE, SIDE
from train.validation import DRAWN, Validation, check

BOX = [[10, 10, 30, 10, 30, 20, 10, 20]]


def recipe(out="", **more):
    given = {"objective": "grounding", "init": "", "train": {}, "steps": 4, "batch": 1, "validate_steps": 2}
    return Recipe(**{**given, "out": str(out), "validate_count": 3, **more})


@pytest.fixture
def own(tmp_path):
    """The root of a tree with a dataset of one's own: four pictures, of which three are asked about masks."""
    folder = tmp_path / "trees" / "mine"
    folder.mkdir(parents=True)
    rows = []
    for index in range(4):
        Image.new("RGB", (64, 48), (40 * index, 90, 10)).save(folder / f"{index}.png")
        row = {"image": f"{index}.png", "split": "val", "question": "Where is the box?"}
        rows.append({**row, "answer": "Here."} if index == 3 else {**row, "targets": [{"phrase": "box", "mask": BOX}]})
    (folder / "pinpoint.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder.parent


def alike(processes):
    """Each of so many processes, as :class:`Validation` sees it."""
    for number in range(processes):
        made = Processes.alone()
        made.count, made.number = processes, number
        yield made


def test_a_dataset_of_one_s_own_is_asked_and_drawn(own, tmp_path):
    model = tiny.model().train()
    asked = recipe(tmp_path, validate="mine/val", options={"root": str(own)}, validate_count=4)
    check(asked)
    rows = Validation(asked).answer(model, Processes.alone(), 2)
    assert [row.id.rpartition("/")[0] for row in rows] == [f"mine/val/{line}" for line in (1, 2, 3, 4)]
    assert [row.targets for row in rows] == [1, 1, 1, 0] and model.training
    assert rows[0].union >= 20 * 10
    sheet = np.asarray(Image.open(tmp_path / "validation" / "000002.png"))
    assert sheet.shape == (3 * (SIDE + 5 * LINE), 2 * SIDE, 3)  # none of what is answered in words
    numbers = Validation(asked).write(2, rows)
    assert numbers["giou"] == pytest.approx(sum(row.iou for row in rows[:3]) / 3)
    assert json.loads((tmp_path / "validation.jsonl").read_text()) == {"step": 2, **numbers}


def test_processes_share_the_pictures_and_the_first_draws(tmp_path):
    model, asked = tiny.model(), recipe(tmp_path, validate_count=DRAWN + 3)
    whole = Validation(asked).answer(model, Processes.alone(), 1)
    drawn = np.asarray(Image.open(tmp_path / "validation" / "000001.png"))
    assert len(drawn) == DRAWN * (SIDE + 5 * LINE)
    (tmp_path / "validation" / "000001.png").unlink()
    first, second = alike(2)
    other = Validation(asked).answer(model, second, 1)
    assert not list((tmp_path / "validation").iterdir())
    parts = [*Validation(asked).answer(model, first, 1), *other]
    assert list((tmp_path / "validation").iterdir())
    assert sorted(parts, key=lambda row: row.id) == sorted(whole, key=lambda row: row.id)


def test_a_benchmark_s_own_numbers_count_and_the_world_s_for_what_it_has_none(own, monkeypatch):
    """Ref-ZOM has no number named gIoU, MUSE one of its own."""
    monkeypatch.setattr("data.datasets.find", lambda *_: None)
    monkeypatch.setattr("eval.benchmarks.base.Benchmark.open", lambda *_: ())
    plain, theirs = (
        Validation(recipe(validate=name, options={"root": str(own)})) for name in ("refzom/test", "muse/val")
    )
    row = Counts("a", "", 10, 40, False, 1, (True,), drawn=True, pairs=((10, 20), (0, 20), (0, 20)))
    assert plain.rules.summarise([row]) == {"gIoU": 0.25, "cIoU": 0.25, "N-acc": None, "T-acc": 1.0}
    found = theirs.rules.summarise([row])
    assert list(found) == ["gIoU", "cIoU", "N-acc", "T-acc"]
    assert found["gIoU"] == pytest.approx(0.5 / 3) and found["cIoU"] == pytest.approx(10 / 60)


def test_what_cannot_be_asked_is_told_and_scores_nothing(own, tmp_path, caplog):
    picture = own / "mine" / "1.png"
    picture.write_bytes(picture.read_bytes()[:60])  # its size can be read still
    with caplog.at_level(logging.WARNING):
        rows = Validation(recipe(tmp_path, validate="mine/val", options={"root": str(own)})).answer(
            tiny.model(), Processes.alone(), 2
        )
    assert [row.failed for row in rows] == [False, True, False]
    assert "1 of 3 questions failed" in caplog.text and "mine/val/2/0" in caplog.text


@pytest.mark.parametrize(
    ("name", "rooted", "says"),
    [
        ("refcocco/val", False, "no benchmark 'refcocco': did you mean 'refcoco'"),
        ("refcoco/vall", False, "refcoco has no split 'vall'"),
        ("refcoco/val", False, "name its root as options.root"),
        ("refcoco/val", True, "no dataset 'refcoco': there are mine"),
        ("mini/val", True, "did you mean 'mine'"),
        ("mine/test", True, "mine has no split 'test'; it has val"),
        ("world/nowhere", True, "world has no split 'nowhere'"),
    ],
)
def test_a_set_that_is_not_there_is_one_line_before_anything_is_read(own, name, rooted, says):
    given = recipe(validate=name, options={"root": str(own)} if rooted else {})
    with pytest.raises(ValueError, match=f"^validate: .*{says}") as error:
        check(given)
    assert "\n" not in str(error.value)
    check(recipe(validate=name, validate_steps=0))  # nothing is asked


@pytest.mark.parametrize("name", ["world", "", "/val", "world/"])
def test_a_set_is_named_with_its_split(name):
    with pytest.raises(ValueError, match=r"validate: .* is no BENCHMARK/SPLIT"):
        recipe(validate=name)
