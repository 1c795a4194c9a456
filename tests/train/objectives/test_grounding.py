import dataclasses
import math

import pytest
import torch
from torch.nn import functional

from tests import tiny
from tests.train.objectives.batches import batch_of
from train import clicks
from train.objectives import grounding
from train.parameters import select


@pytest.fixture
def model():
    return tiny.model().train()


def test_scenes_repeat_exactly_and_hold_the_forms_asked_for(model):
    options = grounding.Options(conversations=3, dense=1.0)
    one, two = (grounding.dataset(model, options, first=first, count=8)[index] for first, index in ((5, 2), (7, 0)))
    assert torch.equal(one.mllm, two.mllm) and torch.equal(one.masks, two.masks)
    assert [chat.ids.tolist() for chat in one.chats] == [chat.ids.tolist() for chat in two.chats]
    assert len(one.chats) == 3
    things = len(grounding.dataset(model, options, first=5, count=8).world.scene(2).things)
    assert one.masks[:things].flatten(1).any(dim=1).all()  # the first conversation names everything


def test_every_part_learns_but_the_segmenter_s_encoder(model):
    torch.manual_seed(0)
    options = grounding.Options(conversations=3, images=2, corrected=1.0)
    out = grounding.Objective(model, options)(batch_of(model, options))
    out["loss"].backward()
    moved = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {name.split(".")[0] for name in moved} == {"backbone", "channels", "segmenter"}
    assert any(name.startswith("segmenter.mask_decoder") for name in moved)
    assert not any(name.startswith("segmenter.image_encoder") for name in moved)
    weighted = sum(getattr(options, name) * out[name] for name in ("ce", "map_bce", "map_dice", "bce", "dice", "iou"))
    assert torch.isclose(out["loss"], weighted)


def test_without_pictures_for_the_segmenter_the_words_and_maps_are_the_same(model):
    with_masks, without = grounding.Options(conversations=2, images=2), grounding.Options(conversations=2, images=0)
    batch = batch_of(model, with_masks)
    one, two = (grounding.Objective(model, options)(batch) for options in (with_masks, without))
    for name in ("ce", "map_bce", "map_dice", "marked"):
        assert torch.isclose(one[name], two[name]), name
    assert one["dice"] > 0
    assert two["bce"] == two["dice"] == two["iou"] == 0


def test_a_mark_weighs_as_many_words_as_asked(model):
    options = grounding.Options(conversations=2, images=0, mark=5.0)
    batch = batch_of(model, options)
    ce = grounding.Objective(model, options)(batch)["ce"]
    out = model.backbone(batch.chat)
    each = functional.cross_entropy(out.logits, out.targets, reduction="none")
    marks = (out.targets == model.backbone.mark_ids[0]) | (out.targets == model.backbone.mark_ids[1])
    assert marks.any() and not marks.all()
    counted = torch.cat([each[~marks], each[marks].repeat(5)])
    assert torch.isclose(ce, counted.mean())


def test_a_click_may_ask_for_another_thing(model, monkeypatch):
    """Where the words meant the wrong thing, the click lies on what another mark means, never on what is too much."""
    seen = []

    def watch(mask, target):
        points, labels = original(mask, target)
        seen.append((target, points, labels))
        return points, labels

    original = clicks.corrective
    monkeypatch.setattr(clicks, "corrective", watch)
    options = grounding.Options(conversations=2, dense=1.0, images=1, masks=2, corrected=1.0, mistaken=1.0)
    batch = batch_of(model, options, count=1)
    torch.manual_seed(3)
    grounding.Objective(model, options)(batch)
    ((target, points, labels),) = seen
    assert target.shape[0] == 2 and not torch.equal(target[0], target[1])
    assert (labels == 1).all()
    x, y = points[:, 0].long().unbind(-1)
    assert target[torch.arange(2), y, x].all()


@pytest.mark.parametrize("kind", ["soft", "sampled", "group"])
def test_the_layer_policy_learns_and_the_language_model_does_not_feel_it(kind):
    torch.manual_seed(0)
    model = tiny.model(layer={"policy": kind}).train()
    options = grounding.Options(conversations=3, dense=1.0, images=2)
    out = grounding.Objective(model, options)(batch_of(model, options))
    if kind == "soft":
        out["map_bce"].backward()
    else:
        assert out["policy"].isfinite()
        out["policy"].backward()
        others = [p.grad for n, p in model.named_parameters() if not n.startswith("policy")]
        assert all(grad is None for grad in others)
    assert model.policy.weight.grad.abs().sum() > 0


def test_draws_may_earn_the_segmenter_s_own_estimate(monkeypatch):
    """Of each draw's prompts decoded by themselves."""
    model = tiny.model(layer={"policy": "group", "draws": 3}).train()
    options = grounding.Options(conversations=2, dense=1.0, images=1, masks=2, corrected=0.0, reward="estimate")
    seen, grounded = {}, []
    ground, decode = model.ground, model.segmenter.decode
    monkeypatch.setattr(model.policy, "loss", lambda *given: seen.update(given=given) or torch.zeros(()))

    def noted(trace, size, choice):
        made = ground(trace, size, choice)
        grounded.append(made.prompts)
        return made

    monkeypatch.setattr(model, "ground", noted)
    features = []
    monkeypatch.setattr(model.segmenter, "decode", lambda seen, prompts: features.append(seen) or decode(seen, prompts))
    grounding.Objective(model, options)(batch_of(model, options, count=1))
    rewards = seen["given"][2]
    alone = torch.stack([decode(features[0], prompts).iou[:, 0] for prompts in grounded[-3:]])
    assert rewards.shape == (3, 2) and len(alone.unique()) > 1
    assert torch.allclose(rewards, alone.clamp(0, 1), atol=1e-5)


def test_each_draw_is_rewarded_by_the_iou_of_its_own_mask(monkeypatch):
    model = tiny.model(layer={"policy": "group", "draws": 3}).train()
    options = grounding.Options(conversations=2, dense=1.0, images=1, masks=2)
    seen = {}
    monkeypatch.setattr(model.policy, "loss", lambda *given: seen.update(given=given) or torch.zeros(()))
    batch = batch_of(model, options, count=1)
    grounding.Objective(model, options)(batch)
    marks, choices, rewards = seen["given"]
    assert marks.shape[0] == 2 and len(choices) == 3 and rewards.shape == (3, 2)
    assert all(len(choice.layers) == 2 for choice in choices)
    assert ((rewards >= 0) & (rewards <= 1)).all()
    same = (choices[0].layers == choices[1].layers) & (choices[1].layers == choices[2].layers)
    assert (rewards[:, same] == rewards[:1, same]).all()


def test_a_batch_without_a_mask_to_draw_still_takes_part():
    model = tiny.model(layer={"policy": "sampled"}).train()
    options = grounding.Options(conversations=1, images=1)
    batch = batch_of(model, options, count=1)
    batch.masks[0].zero_()
    out = grounding.Objective(model, options)(batch)
    assert out["policy"] == 0 and out["policy"].requires_grad
    out["loss"].backward()


@pytest.mark.parametrize("system", ["lisa", "gsva", "read", "uground"])
def test_a_converted_checkpoint_is_trained_by_its_authors_losses(system):
    """As parity has them: here that training calls them with every mark of the batch."""
    torch.manual_seed(0)
    layer = {"policy": "sampled"} if system == "uground" else {}
    model = tiny.model(published=system, layer=layer, channels={"embedding": {}}).train()
    options = grounding.Options(conversations=2, dense=0.0, dice=4.0)
    data = grounding.dataset(model, options, first=5, count=40)
    items = [data[index] for index in range(40)]
    mixed = [i for i in items if i.masks.flatten(1).any(dim=1).any() and not i.masks.flatten(1).any(dim=1).all()][:2]
    batch = grounding.collate(model, mixed)
    out = grounding.Objective(model, options)(batch)
    read = model.backbone(batch.chat)
    assert torch.isclose(out["ce_loss"], functional.cross_entropy(read.logits, read.targets), atol=1e-5)
    expected = out["ce_loss"] + out["mask_bce_loss"] + out["mask_dice_loss"]
    if system == "uground":
        assert out["reward"] < 0
        expected = expected + options.policy * out["policy"]
    assert torch.isclose(out["loss"], expected)
    out["loss"].backward()
    moved = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved == {"backbone", "channels", "segmenter"} | ({"policy"} if system == "uground" else set())


def test_a_rejected_target_counts_as_its_authors_count_it():
    """GSVA adds a mask of zeros for it, LISA and READ leave it out."""
    torch.manual_seed(0)
    options = grounding.Options(conversations=2, dense=0.0)
    losses = {}
    for system in ("read", "gsva"):
        model = tiny.model(published=system, channels={"embedding": {}}).eval()
        data = grounding.dataset(model, options, first=5, count=40)
        item = next(i for i in (data[n] for n in range(40)) if 0 < i.masks.flatten(1).any(dim=1).sum() < len(i.masks))
        made = grounding.Objective(model, options)(grounding.collate(model, [item]))
        losses[system] = float(made["mask_bce_loss"].detach())
        present, total = int(item.masks.flatten(1).any(dim=1).sum()), len(item.masks)
    expected = (losses["read"] * present + 2 * math.log(2) * (total - present)) / total
    assert losses["gsva"] == pytest.approx(expected, rel=1e-4)


def test_the_mask_losses_go_to_the_most_probable_draw_and_rewards_to_their_own_marks(monkeypatch):
    """The IoU of each draw and mark, worked out one at a time."""
    torch.manual_seed(1)
    model = tiny.model(layer={"policy": "group", "draws": 3}).train()
    torch.nn.init.normal_(model.policy.weight, std=3)
    options = grounding.Options(conversations=2, dense=1.0, images=1, masks=3, corrected=0.0)
    batch = batch_of(model, options, count=1)
    seen = {}
    loss, ground = model.policy.loss, model.ground
    monkeypatch.setattr(model.policy, "loss", lambda *given: seen.update(given=given) or loss(*given))
    grounded = []
    monkeypatch.setattr(model, "ground", lambda *given: grounded.append(given) or ground(*given))
    grounding.Objective(model, options)(batch)
    marks, choices, rewards = seen["given"]
    _, size, speaks = grounded[0]
    for mark in range(len(marks)):
        drawn = [int(choice.layers[mark]) for choice in choices]
        known = choices[0].log_probabilities[mark]
        assert int(speaks.layers[mark]) == max(drawn, key=lambda layer: float(known[layer].detach()))
    features = model.segmenter.encode(batch.sam[:1], batch.chat.sizes[:1])[0]
    whole = model.backbone(batch.chat).traces[0]
    for mark in range(len(marks)):
        place = next(i for i in range(len(whole)) if torch.allclose(whole.marks[i], marks[mark], atol=1e-5))
        for number, choice in enumerate(choices):
            prompts = ground(whole.select(torch.tensor([place])), size, choice.select(torch.tensor([mark]))).prompts
            logits = model.segmenter.upscale(model.segmenter.decode(features, prompts).low, features)[0, 0]
            mask, truth = (logits > 0).detach(), batch.masks[0][place]
            expected = (mask & truth).sum() / (mask | truth).sum()
            assert float(rewards[number, mark]) == pytest.approx(float(expected), abs=2e-3)
    assert rewards.max() > rewards.min()


def test_counts_are_those_of_the_targets_one_by_one(model):
    options = grounding.Options(conversations=3, images=1, masks=2, mark=5.0)
    batch = batch_of(model, options, count=3)
    found = grounding.counts(model, options, batch)
    for row in range(3):
        words = marks = 0
        for label in batch.chat.labels[row, 1:].tolist():
            is_mark = label in model.backbone.mark_ids
            words += 5 * is_mark + (label >= 0 and not is_mark)
            marks += is_mark
        present = sum(bool(mask.any()) for mask in batch.masks[row])
        assert (found["ce"][row], found["marked"][row]) == (words, marks)
        assert found["map_bce"][row] == found["map_dice"][row] == present
        assert found["bce"][row] == found["iou"][row] == (min(2, present) if row == 0 else 0)


@pytest.mark.parametrize("policy", ["last", "group"])
def test_a_step_in_parts_is_the_step(policy):
    """Losses and gradients of four pictures at once, and of the same in two uneven batches by their shares."""
    model = tiny.model(layer={"policy": policy}).train()
    options = grounding.Options(conversations=3, images=4, masks=100, corrected=0.0)
    data = grounding.dataset(model, options, 5, 4)
    items = [data[index] for index in range(4)]
    objective = grounding.Objective(model, options)
    batches = [grounding.collate(model, lot) for lot in (items, items[:3], items[3:])]
    if policy == "group":  # each layer is tried: nothing is left to chance
        draw = model.policy.draw
        model.policy.draw = lambda marks: [
            dataclasses.replace(c, layers=torch.full_like(c.layers, n), weights=torch.eye(3)[[n] * len(marks)])
            for n, c in enumerate(draw(marks)[:3])
        ]
    counts = [grounding.counts(model, options, batch) for batch in batches]
    totals = {name: sum(counts[0][name]) for name in counts[0]}
    made = []
    for lot in ((0,), (1, 2)):
        model.zero_grad()
        loss = 0.0
        for number in lot:
            shares = {name: sum(values) / totals[name] for name, values in counts[number].items()}
            out = objective(batches[number], shares)
            out["loss"].backward()
            loss += float(out["loss"].detach())
        made.append((loss, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}))
    (one, first), (two, second) = made
    assert one == pytest.approx(two, abs=1e-5)
    assert first.keys() == second.keys()
    far = [name for name, grad in first.items() if (grad - second[name]).abs().max() > 1e-5 * (1 + grad.abs().max())]
    assert not far
    with torch.no_grad():
        assert float(objective(batches[0])["loss"]) == pytest.approx(one, abs=1e-5)


@pytest.mark.parametrize("policy", ["last", "soft"])
def test_checkpointed_layers_give_the_same_gradients(policy):
    """States are watched by hooks on the layers: they must not be taken again, nor lose their gradients."""
    options = grounding.Options(conversations=2, images=2)
    made, calls = [], []
    for checkpointed in (False, True):
        model = tiny.model(layer={"policy": policy}).train()
        if checkpointed:
            model.backbone.recompute()
        calls.append(0)
        for layer in model.backbone.llava.model.language_model.layers:
            layer.mlp.register_forward_pre_hook(lambda *_: calls.__setitem__(-1, calls[-1] + 1))
        batch = batch_of(model, options)
        torch.manual_seed(0)
        out = grounding.Objective(model, dataclasses.replace(options, corrected=0.0))(batch)
        out["loss"].backward()
        made.append((out["loss"].detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}))
    assert calls == [2, 4]  # both layers, and once more in the backward pass
    (one, first), (two, second) = made
    assert torch.equal(one, two) and first.keys() == second.keys()
    assert all(torch.allclose(grad, second[name], atol=1e-7) for name, grad in first.items())


def without_marks(model, batch):
    """The batch as if its answers were words alone."""
    labels = batch.chat.labels.masked_fill(torch.isin(batch.chat.labels, torch.tensor(model.backbone.mark_ids)), -100)
    none = [mask[:0] for mask in batch.masks]
    return dataclasses.replace(batch, chat=dataclasses.replace(batch.chat, labels=labels), masks=none)


def called(model, options, batches):
    """The modules that each batch calls, in order; and what is made of the last."""
    seen = []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: seen[-1].append(name))
    for one in batches:
        seen.append([])
        out = grounding.Objective(model, options)(one)
    return seen, out


def test_a_batch_without_any_mark_calls_what_one_with_marks_calls(model):
    """Where parameters are split among processes, each module must be called equally often in all."""
    options = grounding.Options(conversations=2, images=2, corrected=1.0)
    batch = batch_of(model, options)
    wordy = without_marks(model, batch)
    seen, out = called(model, options, [batch, wordy])
    out["loss"].backward()
    assert seen[0] == seen[1]
    assert out["bce"] == out["map_bce"] == 0 and "marked" not in out
    model.zero_grad()
    grounding.Objective(model, options)(wordy)["loss"].backward()
    drawn = [p.grad for n, p in model.named_parameters() if n.startswith(("segmenter.mask_decoder", "channels"))]
    assert all(grad is not None and not grad.any() for grad in drawn)


@pytest.mark.parametrize("system", ["lisa", "gsva", "read", "uground"])
def test_so_do_the_published_losses(system):
    layer = {"policy": "sampled"} if system == "uground" else {}
    model = tiny.model(published=system, layer=layer, channels={"embedding": {}}).train()
    options = grounding.Options(conversations=2, dense=1.0)
    batch = batch_of(model, options)
    seen, out = called(model, options, [batch, without_marks(model, batch)])
    assert seen[0] == seen[1]
    assert out["mask_loss"] == 0 and torch.isclose(out["loss"], out["ce_loss"])
    out["loss"].backward()
    drawn = [p.grad for n, p in model.named_parameters() if n.startswith(("segmenter.mask_decoder", "channels"))]
    assert all(grad is not None and not grad.any() for grad in drawn)


@pytest.mark.parametrize("system", ["read", "uground"])
def test_the_published_losses_are_told_by_source(system):
    """Those of a source are those of its pictures alone; one with words alone has no masks to be told of."""
    torch.manual_seed(0)
    model = tiny.model(published=system, channels={"embedding": {}}).eval()
    options = grounding.Options(conversations=2, dense=1.0)
    one, two = (batch_of(model, options, first, 1) for first in (5, 6))
    data = grounding.dataset(model, options, 5, 2)
    both = grounding.collate(model, [dataclasses.replace(data[n], source="ab"[n]) for n in range(2)])
    with torch.no_grad():
        together = grounding.Objective(model, options)(both)
        for source, alone in (("a", one), ("b", two)):
            made = grounding.Objective(model, options)(alone)
            for name in ("ce_loss", "mask_bce_loss", "mask_dice_loss", "mask_loss"):
                assert torch.isclose(together[f"{source}/{name}"], made[name], atol=1e-5), name
        wordy = grounding.Objective(model, options)(without_marks(model, both))
    assert {name for name in wordy if "/" in name} == {"a/ce_loss", "b/ce_loss"}


def test_the_published_losses_take_kept_features(tmp_path, monkeypatch):
    model = tiny.model(published="lisa", channels={"embedding": {}}).train()
    options = grounding.Options(conversations=1, features=str(tmp_path))
    objective, batch = grounding.Objective(model, options), batch_of(model, options)
    first = objective(batch)["loss"]
    monkeypatch.setattr(model.segmenter, "encode", None)
    assert torch.equal(objective(batch)["loss"], first)


def test_what_no_loss_reaches_is_not_to_be_trained(model):
    """Weight decay alone would move it."""
    objective = grounding.Objective(model, grounding.Options())
    with pytest.raises(ValueError, match=r"matches model\.segmenter\.image_encoder.*\(mask_decoder\|prompt_encoder\)"):
        select(objective, {r"^model\.segmenter\.": 1e-4})
    chosen = select(objective, {r"^model\.segmenter\.(mask_decoder|prompt_encoder)\.": 1e-4})
    objective(batch_of(model, objective.options))["loss"].backward()
    assert all(parameter.grad is not None for name, parameter in objective.named_parameters() if name in chosen)
    without = grounding.Objective(model, grounding.Options(images=0))
    with pytest.raises(ValueError, match=r"mask_decoder.* gets no gradient with options\.images=0"):
        select(without, {"mask_decoder": 1e-4})
