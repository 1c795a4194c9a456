"""A plain checkpoint from what a run has saved."""

import pytest
import torch

from app.cli import main
from model.grounding import GroundingModel
from tests.train import runs
from train import merging
from train.recipe import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs of two processes at the ZeRO stages 0 to 3, each with a saved state and what its merge must give."""
    made = tmp_path_factory.mktemp("runs")
    learns = {"lora_": 1e-3, r"^model\.channels\.": 1e-3, r"^model\.segmenter\.mask_decoder": 1e-3}
    runs.begin(made, {**runs.RECIPE, "steps": 3, "batch": 1, "train": learns, "lora": {"rank": 2, "alpha": 4}})
    runs.checked([*runs.TORCHRUN, "--standalone", "--nproc_per_node", "2", "-m", "tests.train.states", str(made)])
    return made


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_every_stage_gives_the_whole_model(folder, tmp_path, stage, capsys):
    run = folder / f"zero{stage}"
    assert main(["merge", str(run), str(tmp_path / "out")]) == 0
    assert "after 3 steps" in capsys.readouterr().out
    want, got, begin = (runs.weights(path) for path in (run / "expected", tmp_path / "out", folder / "start"))
    assert want.keys() == got.keys() == begin.keys()
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-7)
    moved = {name.split("/")[0] for name in runs.astray(got, begin)}
    assert moved == {"model.safetensors", "channels.safetensors", "segmenter.safetensors"}
    GroundingModel.from_pretrained(tmp_path / "out")
    assert main(["push", str(tmp_path / "out"), "owner/name", "--dry-run"]) == 0
    assert "| steps | 3 of 2 images |" in capsys.readouterr().out


@pytest.mark.slow
def test_it_can_be_stored_in_half_precision(folder, tmp_path):
    assert main(["merge", str(folder / "zero2"), str(tmp_path / "out"), "--dtype", "bfloat16"]) == 0
    assert runs.weights(tmp_path / "out")["segmenter.safetensors/image_encoder.pos_embed"].dtype == torch.bfloat16


@pytest.mark.slow
def test_what_is_missing_is_said(folder, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["merge", str(folder / "zero1"), out, "--step", "5"]) == 2
    assert "no complete saved state of step 5; the newest is of step 3" in capsys.readouterr().err
    cut = folder / "zero1" / "checkpoints" / "checkpoint-3" / "global_step3"
    piece = next(cut.glob("*rank_1*optim_states.pt"))
    piece.rename(piece.with_suffix(".gone"))
    assert main(["merge", str(folder / "zero1"), out]) == 2
    assert "damaged or incomplete" in capsys.readouterr().err
    piece.with_suffix(".gone").rename(piece)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    assert main(["merge", str(folder / "zero1"), out]) == 2
    assert not (tmp_path / "out" / "config.json").exists()
    capsys.readouterr()


def test_a_run_without_a_saved_state(tmp_path):
    with pytest.raises(ValueError, match="train it first"):
        merging.find(tmp_path)


def test_the_schedule_of_an_older_run_does_not_matter(tmp_path):
    path = runs.begin(tmp_path, {**runs.RECIPE, "warmup": 50, "decay": 700})
    with pytest.raises(ValueError, match="are more than steps: 4"):
        load(str(path))
    with pytest.raises(ValueError, match="train it first"):
        merging.merge(tmp_path, tmp_path / "made")
