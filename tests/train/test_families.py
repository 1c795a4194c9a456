"""Every family of backbones with every segmenter through a supervised step and one of reinforcement, on adapters."""

import re
import shutil
from dataclasses import asdict
from itertools import product
from types import SimpleNamespace

import pytest
import torch
import yaml

from app.cli import main
from model.grounding import GroundingModel
from model.policy import Options as Layer
from tests import families
from tests.model.segmenters import test_sam2, test_sam3_tracker
from tests.train import runs
from tests.train.objectives.batches import batch_of
from train import lora
from train.grpo import packed
from train.objectives import grounding, grpo
from train.recipe import Lora
from train.rollouts import Sampling, roll_out

SEGMENTERS = {
    "sam": {},
    "sam2": {"segmenter": {"family": "sam2", "options": asdict(test_sam2.TINY)}},
    "sam3_tracker": {"segmenter": {"family": "sam3_tracker", "options": asdict(test_sam3_tracker.TINY)}},
}


@pytest.fixture(params=list(product(sorted(families.OPTIONS), SEGMENTERS)), ids="+".join)
def model(request):
    backbone, segmenter = request.param
    made = families.model(backbone, **SEGMENTERS[segmenter])
    made.requires_grad_(False)
    lora.attach(made, Lora(rank=2, alpha=4))
    return made


def moved(model: GroundingModel, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradients of one step; finite, and of every adapter's second half."""
    loss.backward()
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert all(grad.isfinite().all() for grad in grads.values())
    halves = [name for name, _ in model.named_parameters() if "lora_B" in name]
    assert len(halves) == 7 * 3 and all("language_model" in name for name in halves)
    assert all(float(grads[name].abs().sum()) > 0 for name in halves)
    return grads


def test_a_supervised_step_moves_the_adapters_alone(model):
    options = grounding.Options(conversations=2, images=1, masks=2)
    objective = grounding.Objective(model, options).train()
    batch = batch_of(model, options)
    before = float(objective(batch)["ce"].detach())
    grads = moved(model, objective(batch)["loss"])
    assert all("lora_" in name for name in grads)
    with torch.no_grad():
        for name, grad in grads.items():
            model.get_parameter(name).sub_(0.05 * grad / grad.norm().clamp(min=1e-9))  # first halves have none yet
    assert float(objective(batch)["ce"].detach()) < before


def test_layers_run_again_give_the_same_gradient(model):
    options = grounding.Options(conversations=2, images=0)
    objective, batch = grounding.Objective(model, options).train(), batch_of(model, options)
    first = moved(model, objective(batch)["loss"])
    first = {name: grad.clone() for name, grad in first.items()}
    model.zero_grad()
    model.backbone.recompute()
    again = moved(model, objective(batch)["loss"])
    for name, grad in first.items():
        torch.testing.assert_close(again[name], grad, atol=1e-5, rtol=1e-4)


def test_answers_sampled_are_as_likely_when_they_are_read_packed(model):
    """And their likelihood has a gradient; pictures of several shapes are in one batch."""
    options = grpo.Options(generations=2, longest=8, temperature=2.0, layer=Layer("group", draws=2))
    objective = grpo.Objective(model, options)
    data = grpo.dataset(model, options, 7, 2)
    rows = [row["asked"] for row in data.__getitems__([0, 0, 1, 1])]
    answers = roll_out(model, rows, Sampling(temperature=2.0, longest=8))
    objective.train()
    batch, order = packed(answers, model.backbone.pad_id)
    out = objective(batch)
    parts = out["log_probs"].split([len(answers[place].ids) for place in order])
    with torch.no_grad():
        for place, part in zip(order, parts, strict=True):
            alone = objective(packed([answers[place]], model.backbone.pad_id)[0])["log_probs"]
            torch.testing.assert_close(part, alone, atol=1e-3, rtol=1e-3)
    advantage = torch.randn(len(order), generator=torch.Generator().manual_seed(0))
    loss = -sum(value * part.sum() for value, part in zip(advantage, parts, strict=True))
    moved(model, loss)


def test_a_rehearsal_at_full_size_tells_what_learns(tmp_path, capsys, monkeypatch):
    """In no memory."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**13))
    recipe = {**runs.RECIPE, "lora": {"rank": 8, "alpha": 16}, "train": {"lora_": 1e-3}, "tokenizer_texts": 200}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe, "init": "qwen3-vl-4b", "out": str(tmp_path / "out")}))
    assert main(["train", str(path), "--dry-run"]) == 0
    said = capsys.readouterr().out
    # By hand: 36 layers of q (2560 -> 4096), k, v (2560 -> 1024), o (4096 -> 2560) and the MLP (2560 <-> 9728), rank 8.
    learn = 36 * 8 * (2 * (2560 + 4096) + 2 * (2560 + 1024) + 3 * (2560 + 9728))
    assert f"{learn:,}" in said
    kept = float(re.search(r"activations +([\d.]+) GB", said)[1])  # at least its layers' inputs and what MLPs keep
    assert 0.5 < kept < 20


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(families.OPTIONS))
def test_whole_stages_run_and_their_checkpoint_is_read(family, tmp_path):
    """Supervised, then reinforced, by the launcher."""
    families.model(family).save_pretrained(tmp_path / "start")
    few = {"steps": 2, "batch": 2, "lora": {"rank": 2, "alpha": 4}, "train": {"lora_": 1e-3}}
    recipe = runs.begin(tmp_path, {**runs.RECIPE, **few}, tmp_path / "start")
    runs.launched(recipe, f"out={tmp_path / 'tuned'}")
    options = {"generations": 2, "longest": 8, "temperature": 2.0, "kl": 0.05, "rewards": {"mask": 1.0, "format": 1.0}}
    recipe = runs.begin(tmp_path, {**runs.RECIPE, **few, "objective": "grpo", "options": options}, tmp_path / "start")
    runs.launched(recipe, f"init={tmp_path / 'tuned' / 'model'}", f"out={tmp_path / 'reinforced'}")
    assert runs.lines(tmp_path / "reinforced", "kl")[1]["kl"] == pytest.approx(0.0, abs=1e-5)
    assert GroundingModel.from_pretrained(tmp_path / "reinforced" / "model").config.backbone.family == family
