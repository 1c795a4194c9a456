"""What a run takes, against the same counted on real tensors, and by hand."""

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests import families, tiny
from train import budget
from train.objectives import grounding, grpo
from train.parameters import select


def shapes(**changes):
    from model.grounding import GroundingModel

    return GroundingModel.build(tiny.config(**changes), tiny.tokenizer(), "meta")


def batch(model, count=2):
    options = grounding.Options(conversations=3)
    data = grounding.dataset(model, options, 0, count)
    return grounding.collate(model, [data[index] for index in range(count)])


def test_a_deepspeed_file_is_read():
    config = {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}, "reduce_bucket_size": 5e8}}
    zero = budget.Zero.read(config, 4)
    assert (zero.stage, zero.processes, zero.optimizer_off, zero.weights_off) == (2, 4, True, False)
    assert zero.bucket == 500_000_000
    assert budget.Zero.read({}, 1) == budget.Zero()


@pytest.mark.parametrize(
    ("stage", "weights", "gradients", "optimizer"),
    [
        (0, 4 * 110, 4 * 60, 8 * 60),
        (1, 4 * 110, 4 * 60 + 4 * 60, 12 * 60 / 4),
        (2, 4 * 110, 4 * 60 / 4 + 4 * 60, 12 * 60 / 4),
        (3, 4 * 110 / 4, 4 * 60 / 4 + 4 * 60, 12 * 60 / 4),
    ],
)
def test_state_by_stage_as_by_hand(stage, weights, gradients, optimizer):
    model = nn.ModuleList([nn.Linear(10, 6, bias=False), nn.Linear(10, 5, bias=False)])
    model[1].requires_grad_(False)  # 60 learn of 110
    held = budget.state(model, budget.Zero(stage, 4))
    assert (held.device["weights"], held.device["gradients"], held.device["optimizer"]) == (
        weights,
        gradients,
        optimizer,
    )
    off = budget.state(model, budget.Zero(stage, 4, optimizer_off=True))
    assert off.host == {"optimizer": optimizer} and off.most == held.most - optimizer


@pytest.mark.parametrize("family", ["llava", *sorted(families.OPTIONS)])
def test_kept_and_multiplied_as_on_real_tensors(family):
    changes = {} if family == "llava" else {"backbone": families.part(family)}
    real, meta = tiny.model(**changes).train(), shapes(**changes)
    for model in (real, meta):
        select(model, {r"language_model": 1.0})
    given = batch(real)
    work = budget._language(meta.backbone, given, half=False, recomputed=False)
    backbone, held = real.backbone, {}
    chat = backbone.expanded(given.chat)

    def pack(tensor):
        if not isinstance(tensor, nn.Parameter):
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    def read(attention):
        backbone.network.set_attn_implementation(attention)
        count, length = chat.ids.shape
        backbone.network.model.language_model(
            inputs_embeds=torch.randn(count, length, 32, requires_grad=True),
            attention_mask=backbone.shaped(torch.ones(count, 1, length, length, dtype=torch.bool).tril()),
            position_ids=backbone.places(chat.positions, chat.ids, chat.sizes),
            use_cache=False,
        )

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        read("sdpa")
    kept = sum(storage.nbytes() for storage in held.values())
    learned = int((given.chat.labels[:, 1:] != -100).sum())
    words = learned * len(backbone.tokenizer) * 12
    rows = sum(math.prod(backbone.frame(size).target) for size in chat.sizes) + sum(len(mask) for mask in given.masks)
    watched = 2 * rows * 32 * 4 * len(backbone.layers)
    assert work.kept - words - watched == pytest.approx(kept, rel=0.1)
    with FlopCounterMode(display=False) as seen:
        read("eager")
    with FlopCounterMode(display=False) as tower, torch.no_grad():
        backbone.features(chat.prepared, chat.sizes)
    head = 3 * 2 * learned * 32 * len(backbone.tokenizer)
    by_hand = tower.get_total_flops() + 3 * seen.get_total_flops() + head
    assert work.operations == pytest.approx(by_hand, rel=0.02)


def test_reinforcement_keeps_and_multiplies_as_on_real_tensors():
    real, meta = tiny.model().train(), shapes()
    for model in (real, meta):
        select(model, {r"language_model": 1.0})
    options = grpo.Options(generations=3, longest=7)
    given, held = grpo.largest(real, options, 0, 2), {}
    objective = grpo.Objective(real, options)
    learned = int((given.chat.labels != -100).sum())
    assert learned == 2 * 3 * 7

    def pack(tensor):
        if not isinstance(tensor, nn.Parameter):
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    real.backbone.network.set_attn_implementation("sdpa")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        objective(given.chat)
    word = learned * len(real.backbone.tokenizer) * 4
    kept = sum(storage.nbytes() for storage in held.values()) - word  # the softmax
    one, two = (budget.reinforced(meta, given, 4, reference, half=False) for reference in (False, True))
    assert one.kept - 4 * word == pytest.approx(kept, rel=0.15)  # and the logits, their entropies
    real.backbone.network.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as seen, torch.no_grad():
        objective(given.chat)
    assert two.operations - one.operations == pytest.approx(seen.get_total_flops(), rel=0.05)


def test_keys_and_values_of_what_is_written_together():
    real = tiny.model()
    options = grpo.Options(generations=3, longest=7)
    given = grpo.largest(real, options, 0, 2)
    asked = [grpo.dataset(real, options, 0, 2)[index]["asked"] for index in range(2)]
    prefixes = [real.backbone.read(one.image) for one in asked]
    pictures = [len(prefix.seen) for prefix in prefixes]
    layers = [layer for prefix in prefixes for layer in prefix.cache.layers]
    token = sum(layer.keys.nbytes + layer.values.nbytes for layer in layers) / sum(pictures)
    lengths = [len(real.backbone.encode_chat(real.put(one.turns)).ids) + 7 for one in asked]
    assert budget.written_out(real.backbone, given, 4, half=False) == token * (sum(pictures) + 4 * max(lengths))
    assert budget.written_out(real.backbone, given, 99, half=False) == token * (sum(pictures) + 6 * max(lengths))


def test_recomputing_keeps_the_layers_inputs_and_one_layer():
    model = shapes()
    select(model, {r"language_model": 1.0})
    given = batch(model)
    whole, part = (budget._language(model.backbone, given, half=False, recomputed=again) for again in (False, True))
    inputs = 2 * given.chat.ids.numel() * 32 * 4  # of two layers
    rest = whole.kept - (part.kept - inputs)  # half of what the layers keep
    rows = int((given.chat.ids == model.backbone.image_id).sum()) + sum(len(mask) for mask in given.masks)
    words = int((given.chat.labels[:, 1:] != -100).sum()) * len(model.backbone.tokenizer) * 12
    assert whole.kept - words - 2 * rows * 32 * 4 == pytest.approx(2 * rest)
    assert part.operations > whole.operations


def test_operations_as_by_hand():
    model = shapes()
    select(model, {r"language_model\.layers": 1.0})
    given = batch(model)
    work = budget._language(model.backbone, given, half=False, recomputed=False)
    tokens = given.chat.ids.numel()
    layers = 2 * (4 * 32 * 32 + 3 * 32 * 64)  # projections of two layers
    learned = int((given.chat.labels[:, 1:] != -100).sum())
    patches = 2 * 64  # of the two pictures, and a class token each in the tower
    tower = (
        2 * (patches + 2) * 2 * (4 * 32 * 32 + 2 * 32 * 64) + 2 * patches * (8 * 8 * 3 * 32) + 2 * patches * 2 * 32 * 32
    )
    length = given.chat.ids.shape[1]
    attention = 2 * 2 * 4 * (3 * length**2 + 65**2) * 32  # two layers of two pictures, the tower's once
    by_hand = attention + 3 * 2 * tokens * layers + 3 * 2 * learned * 32 * len(model.backbone.tokenizer) + tower
    assert work.operations == pytest.approx(by_hand, rel=0.1)


def test_a_frozen_model_of_adapters_needs_two_thirds_of_the_arithmetic():
    from train import lora
    from train.recipe import Lora

    model = shapes()
    lora.attach(model, Lora(rank=2))
    given = batch(model)
    select(model, {"lora_": 1.0})
    part = budget._language(model.backbone, given, half=True, recomputed=False).operations
    select(model, {"language_model": 1.0})
    assert budget._language(model.backbone, given, half=True, recomputed=False).operations > 1.3 * part
    assert {p.dtype for p in model.parameters()} == {torch.float32}  # as it was


def test_the_segmenter_counts_for_the_pictures_and_masks_that_go_through_it():
    model = shapes()
    select(model, {"mask_decoder": 1.0})
    given = batch(model)
    none, one, two = (budget.step(model, given, images, 2, half=True) for images in (0, 1, 2))
    assert none.passing == 0 and two.passing == 2 * one.passing == 2 * 2 * (8 * 8) ** 2 * 10
    assert none.more == 0 < one.later < one.kept and one.more == max(0, one.passing - one.later)
    assert budget.encoder(model.segmenter, 1, half=True, gpu=False).passing == (8 * 8) ** 2 * 2 * 6
    assert none.kept < one.kept < two.kept and none.operations < one.operations < two.operations


def test_speed_is_that_of_a_product():
    ticks = iter(range(100))
    assert budget.rate(torch.device("cpu"), False, lambda: float(next(ticks))) == 2 * 1024**3
