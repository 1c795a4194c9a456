"""Parity with the published code: the few figures kept here, and all of them where they are at hand."""

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from app.cli import main
from eval import parity
from eval.parity import cases
from eval.parity.check import Comparison, table, tolerance

FIGURES = Path(__file__).parent / "figures"


@pytest.fixture(scope="module")
def kept() -> list[Comparison]:
    return list(parity.check(FIGURES))


def test_every_figure_kept_here_agrees(kept):
    assert all(one.passed for one in kept), table([one for one in kept if not one.passed])
    seen = {(one.system, one.case) for one in kept}
    assert len(seen) == 8 and {system for system, _ in seen} == set(cases.SYSTEMS)
    names = {one.tensor for one in kept}
    assert {
        "out.loss",
        "out.points_xy.0",
        "out.actions",
        "grad.ppm._layer_gate_W_similarity",
        "gradient norms",
    } <= names


@pytest.mark.slow
def test_every_published_output_at_hand_agrees(shared):
    found = list(parity.check(shared / "parity"))
    assert found and all(one.passed for one in found), table([one for one in found if not one.passed])
    files = {(path.parent.name, path.stem) for path in (shared / "parity").glob("*/*.safetensors")}
    assert {(one.system, one.case) for one in found} == files


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy with one system and one case."""
    made = tmp_path / "parity"
    shutil.copytree(FIGURES / "LISA", made / "LISA")
    (made / "LISA" / "train.safetensors").unlink()
    return made


def change(folder: Path, name: str, change) -> None:
    path = folder / "LISA" / "evaluate_n1.safetensors"
    with safetensors.safe_open(path, "pt") as file:
        facts, tensors = file.metadata(), {key: file.get_tensor(key) for key in list(file.keys())}
    tensors[name] = change(tensors.get(name))
    safetensors.torch.save_file(tensors, path, metadata=facts)


def test_a_figure_that_is_off_fails_the_command_and_is_marked(folder, capsys):
    change(folder, "out.pred_masks.0", lambda mask: mask + 2e-4)
    assert main(["parity", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if "FAILED" in line).startswith("LISA/evaluate_n1  out.pred_masks.0")
    assert lines[-1].endswith("1 beyond tolerance")


def test_a_case_that_is_added_later_is_found_and_one_that_we_cannot_compute_fails(folder, capsys):
    shutil.copy(folder / "LISA" / "evaluate_n1.safetensors", folder / "LISA" / "evaluate_later.safetensors")
    assert main(["parity", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["case"] for one in found} == {"evaluate_n1", "evaluate_later"}
    change(folder, "out.something_else", lambda _: torch.zeros(3))
    assert main(["parity", str(folder)]) == 1


@pytest.mark.parametrize("spoil", ["none", "empty", "cut", "spec", "values", "sizes", "inputs", "picture"])
def test_a_folder_that_cannot_be_checked_is_one_line(folder, spoil, capsys):
    if spoil == "none":
        folder = folder / "nowhere"
    elif spoil == "empty":
        shutil.rmtree(folder / "LISA")
    elif spoil == "cut":
        path = folder / "LISA" / "evaluate_n1.safetensors"
        path.write_bytes(path.read_bytes()[:1000])
    elif spoil in ("values", "sizes"):
        (folder / "LISA" / {"values": "weights_spec.json", "sizes": "config.json"}[spoil]).write_text('{"x": 3}')
    elif spoil == "picture":
        change(folder, "in.input_ids", lambda ids: ids.abs())
    elif spoil == "inputs":
        safetensors.torch.save_file({"out.loss": torch.zeros(1)}, folder / "LISA" / "train.safetensors")
    else:
        (folder / "LISA" / "weights_spec.json").write_text("{")
    assert main(["parity", str(folder)]) == 2
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1 and not shown.out


def test_whole_numbers_agree_exactly_and_others_by_their_kind():
    assert tolerance("out.actions", torch.tensor([3])) == 0
    assert tolerance("out.points_xy.0", torch.ones(1)) == 0.01
    assert tolerance("out.pred_masks.0", torch.full((1,), 50.0)) == 1e-4
    assert tolerance("out.similarity", torch.tensor([-20.0, 5.0])) == pytest.approx(2e-3)
    assert tolerance("out.logits", torch.tensor([-4.0, 3.0])) == pytest.approx(5e-5)
    assert tolerance("grad.lm_head.weight", torch.zeros(2)) == pytest.approx(1e-5)


def test_a_difference_that_is_not_a_number_has_not_passed():
    assert not Comparison("LISA", "train", "out.loss", float("nan"), 1.0).passed
    assert "FAILED" in table([Comparison("LISA", "train", "out.loss", float("inf"), 1.0)])


def test_weights_and_pictures_are_their_formulas():
    (system,) = [one for one in cases.systems(FIGURES) if one.name == "lisa"]
    made = cases.weights(system)
    assert made["lm_head.weight"].shape == (320, 64) and made["lm_head.weight"].dtype == torch.float32
    assert not any("inv_freq" in name for name in made)
    # By hand: x = 9, y = 7, c = 1, tag 2
    value = (81 * 3 + 49 * 5 + 63 * 3) // 61 + 1 * 41 * 2 + 1 * 29 + 17 * 2 * 2 + 2 * 57
    assert int(cases.picture(10, 12, 2)[1, 7, 9]) == value % 256
