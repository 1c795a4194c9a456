"""However a step is divided among micro-batches and processes, it is the same step; from every ZeRO stage."""

import json

import pytest
from PIL import Image

from data.shuffle import Deal
from tests import tiny
from tests.train import runs

EQUAL = ("loss", "grad_norm", "ce", "map_bce", "map_dice", "bce", "dice", "iou", "mask_iou", "marked")
# Every mask of every picture, and no click: nothing is left to chance.
ALL = "options={conversations: 3, images: 4, masks: 100, corrected: 0.0}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("division")


@pytest.mark.slow
def test_a_step_is_the_same_however_it_is_divided(folder):
    recipe = runs.begin(folder)
    whole = {"batch": 4, "processes": 1, "accumulate": 1}
    ways = {"whole": {}, "processes": {"batch": 2, "processes": 2}, "accumulated": {"batch": 2, "accumulate": 2}}
    for name, changes in ways.items():
        more = [f"{key}={value}" for key, value in {**whole, **changes}.items()]
        runs.launched(recipe, f"out={folder / name}", ALL, *more)
    one = runs.lines(folder / "whole")
    assert len(one) == 4
    for other in ("processes", "accumulated"):
        two = runs.lines(folder / other)
        far = {
            (step, name): (row[name], two[step][name])
            for step, row in one.items()
            for name in EQUAL
            if abs(row[name] - two[step][name]) > 1e-5 * max(1, abs(row[name]))
        }
        assert not far, other
        assert not runs.astray(runs.weights(folder / "whole"), runs.weights(folder / other), most=1e-4)


@pytest.fixture(scope="module")
def mixture(folder):
    """Options of a mixture in which now and then one process of two has words alone; and its recipe."""
    talk = folder / "trees" / "talk"
    talk.mkdir(parents=True)
    rows = []
    for index in range(4):
        Image.new("RGB", (64, 48), (40 * index, 90, 10)).save(talk / f"{index}.png")
        rows.append(json.dumps({"image": f"{index}.png", "question": "What is here?", "answer": "A red cup."}))
    (talk / "pinpoint.jsonl").write_text("\n".join(rows))
    dealt = [Deal([1, 1], 0)[position][0] for position in range(8)]
    assert any(a != b for a, b in zip(dealt[::2], dealt[1::2], strict=True))
    data = f"data: {{talk: 1, world: 1}}, root: {talk.parent}"
    return runs.begin(folder), f"options={{conversations: 2, images: 1, masks: 2, corrected: 0.5, {data}}}"


@pytest.fixture(scope="module")
def plain(folder, mixture):
    """The run that the others must equal: two processes that share nothing."""
    recipe, options = mixture
    runs.launched(recipe, f"out={folder / 'zero0'}", options, "batch=1", "processes=2")
    return folder / "zero0"


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["zero1", "zero2", "zero2_offload", "zero3", "zero3_offload"])
def test_every_zero_stage_trains_alike_with_a_process_that_has_words_alone(folder, mixture, plain, stage):
    recipe, options = mixture
    more = ["batch=1", "processes=2", f"deepspeed={stage}", "validate_steps=4", "validate_count=2"]
    runs.launched(recipe, f"out={folder / stage}", options, *more)
    one, two = runs.lines(plain), runs.lines(folder / stage)
    assert len(one) == len(two) == 4
    assert all(abs(one[step]["loss"] - two[step]["loss"]) < 1e-4 for step in one)
    assert all(abs(one[step]["grad_norm"] / two[step]["grad_norm"] - 1) < 1e-4 for step in one)
    assert not runs.astray(runs.weights(plain), runs.weights(folder / stage), most=1e-4)
    assert runs.astray(runs.weights(plain), runs.weights(folder / "start"))
    assert "val/giou" in runs.lines(folder / stage, "val/giou")[4]


@pytest.mark.slow
def test_published_losses_reach_the_end_at_stage_3_with_a_process_that_has_words_alone(folder, mixture):
    recipe, options = mixture
    start, out = folder / "lisa", folder / "published"
    tiny.model(published="lisa", channels={"embedding": {}}).save_pretrained(start)
    runs.launched(recipe, f"init={start}", f"out={out}", options, "batch=1", "processes=2", "deepspeed=zero3")
    lines = runs.lines(out)
    assert len(lines) == 4
    assert {"world/mask_bce_loss", "talk/train/ce_loss"} <= {name for row in lines.values() for name in row}


@pytest.mark.slow
def test_losses_are_logged_by_source(plain):
    seen = {name for row in runs.lines(plain).values() for name in row}
    assert {"world/ce", "world/bce", "world/map_dice", "talk/train/ce"} <= seen
    assert not {name for name in seen if name.startswith("talk/train/") and name.endswith(("bce", "dice", "iou"))}
