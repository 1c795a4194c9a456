"""Every other segmenter through the steps of training: supervised, reinforced, and the segmenter's own."""

from dataclasses import asdict

import pytest
import torch

from model.grounding import GroundingModel
from model.policy import Options as Layer
from tests import tiny
from tests.model.segmenters import test_sam2, test_sam3_tracker
from tests.train import runs
from tests.train.objectives.batches import batch_of
from train import budget
from train.objectives import encoder, grounding, segmenter
from train.parameters import select
from train.partition import declare
from train.rollouts import Sampling, roll_out

OPTIONS = {"sam2": asdict(test_sam2.TINY), "sam3_tracker": asdict(test_sam3_tracker.TINY)}
DRAWS = r"segmenter\.(mask_decoder|prompt_encoder)\.|channels\."


def built(family, **changes):
    return tiny.model(segmenter={"family": family, "options": OPTIONS[family]}, **changes)


def moved(model):
    return {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


@pytest.mark.parametrize("family", OPTIONS)
def test_a_supervised_step_moves_the_decoder_and_the_channels(family):
    model = built(family).train()
    options = grounding.Options(conversations=2, images=2, masks=2)
    objective = grounding.Objective(model, options)
    select(objective, {DRAWS: 1.0})
    objective(batch_of(model, options))["loss"].backward()
    names = moved(model)
    assert {name.split(".")[1] for name in names} == {"mask_decoder", "prompt_encoder", "embedding"}
    assert not any("conv_s" in name for name in names), "what is computed with the encoder rests with it"


@pytest.mark.parametrize("family", OPTIONS)
def test_every_part_of_the_segmenter_learns_in_its_own_stages(family):
    model = built(family).train()
    own = segmenter.Objective(model, segmenter.Options(masks=2, rounds=2))
    data = segmenter.dataset(model, own.options, first=5, count=2)
    names = set()
    for seed in range(4):  # clicks, boxes and coarse maps are drawn by chance
        torch.manual_seed(seed)
        own.zero_grad(set_to_none=True)
        own(segmenter.collate(model, [data[0], data[1]]))["loss"].backward()
        names |= moved(model)
    assert {name.split(".")[1] for name in names} == {"image_encoder", "prompt_encoder", "mask_decoder"}
    assert {"segmenter.image_encoder.conv_s0.weight", "segmenter.image_encoder.conv_s1.weight"} <= names
    model.zero_grad(set_to_none=True)
    sees = encoder.Objective(model, encoder.Options(part="segmenter"))
    shown = encoder.dataset(model, sees.options, 0, 2)
    sees(encoder.collate(model, [shown[0], shown[1]]))["loss"].backward()
    assert {name.split(".")[1] for name in moved(model)} == {"image_encoder"}


@pytest.mark.parametrize("family", OPTIONS)
def test_rollouts_draw_and_the_plan_counts(family):
    from train.objectives import grpo

    model = built(family, layer={"policy": "soft"})
    options = grpo.Options(generations=2, longest=8, temperature=2.0, layer=Layer("group", draws=2))
    grpo.Objective(model, options)
    data = grpo.dataset(model, options, 7, 1)
    rows = [row["asked"] for row in data.__getitems__([0, 0])]
    for answer in roll_out(model, rows, Sampling(temperature=2.0, longest=8)):
        assert answer.ids.numel()
    config = tiny.config(segmenter={"family": family, "options": OPTIONS[family]})
    shapes = GroundingModel.build(config, tiny.tokenizer(), "meta")
    select(shapes, {"mask_decoder": 1.0})
    given = batch_of(model, grounding.Options(conversations=2, images=2, masks=2))
    none, one, two = (budget.step(shapes, given, images, 2, half=True) for images in (0, 1, 2))
    assert none.kept < one.kept < two.kept and none.operations < one.operations < two.operations
    assert two.passing == 0  # its attention never holds all scores


@pytest.mark.parametrize("family", OPTIONS)
def test_deepspeed_is_told_of_what_is_read_without_a_call(family, monkeypatch):
    told = []
    place = "deepspeed.runtime.zero.register_external_parameter"
    monkeypatch.setattr(place, lambda module, parameter: told.append((type(module).__name__, parameter)))
    model = built(family)
    declare(model)
    read = (model.segmenter.prompt_encoder.no_mask_embed, model.segmenter.mask_decoder.iou_token)
    assert all(any(parameter is part.weight for _, parameter in told) for part in read)


@pytest.mark.slow
def test_whole_stages_run_and_their_checkpoint_is_read(tmp_path):
    """Supervised, then reinforced, by the launcher, at ZeRO's third stage and its second."""
    built("sam2").save_pretrained(tmp_path / "start")
    few = {"steps": 2, "batch": 2, "lora": {"rank": 2, "alpha": 4}, "train": {"lora_": 1e-3, DRAWS: 1e-3}}
    recipe = runs.begin(tmp_path, {**runs.RECIPE, **few, "deepspeed": "zero3"}, tmp_path / "start")
    runs.launched(recipe, f"out={tmp_path / 'tuned'}")
    options = {"generations": 2, "longest": 8, "temperature": 2.0, "kl": 0.05, "rewards": {"mask": 1.0, "format": 1.0}}
    few = {**few, "objective": "grpo", "options": options, "train": {"lora_": 1e-3}, "deepspeed": "zero2"}
    recipe = runs.begin(tmp_path, {**runs.RECIPE, **few}, tmp_path / "start")
    runs.launched(recipe, f"init={tmp_path / 'tuned' / 'model'}", f"out={tmp_path / 'reinforced'}")
    before, after = (GroundingModel.from_pretrained(tmp_path / name) for name in ("start", "tuned/model"))
    name = "mask_decoder.mask_tokens.weight"
    assert not torch.equal(before.segmenter.get_parameter(name), after.segmenter.get_parameter(name))
    assert torch.equal(before.segmenter.image_encoder.no_memory, after.segmenter.image_encoder.no_memory)
    assert GroundingModel.from_pretrained(tmp_path / "reinforced" / "model").config.segmenter.family == "sam2"
