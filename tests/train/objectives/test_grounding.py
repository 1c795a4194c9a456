import dataclasses
import math

import pytest
import torch
from torch.nn import functional

from tests import tiny
from train import clicks
from train.objectives import grounding


@pytest.fixture
def model():
    return tiny.model().train()


def batch_of(model, options, first=5, count=2):
    data = grounding.dataset(model, options, first=first, count=count)
    return grounding.collate(model, [data[index] for index in range(count)])


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


def test_what_is_drawn_on_void_pixels_costs_nothing_and_teaches_nothing():
    """All of a mark's losses but the words' are the same whatever lies there, and no gradient comes from it."""
    model = tiny.model(channels={"embedding": {}}).train()
    options = grounding.Options(conversations=1, dense=1.0, images=1, masks=8, corrected=0.0)
    batch = batch_of(model, options, count=1)
    objective = grounding.Objective(model, options)
    whole = torch.ones_like(batch.masks[0])
    none = dataclasses.replace(batch, masks=[torch.zeros_like(whole)], void=[whole])
    first = objective(none)
    assert first["bce"] == first["dice"] == first["map_bce"] == 0  # nothing is left to draw
    seen = {}
    upscale = model.segmenter.upscale
    model.segmenter.upscale = lambda *given: seen.setdefault("logits", upscale(*given).detach().requires_grad_())
    void = torch.zeros_like(batch.masks[0])
    void[:, :, :40] = True
    objective(dataclasses.replace(batch, masks=[batch.masks[0] & ~void], void=[void]))["loss"].backward()
    assert seen["logits"].grad[..., :40].abs().sum() == 0 < seen["logits"].grad[..., 40:].abs().sum()


def test_each_mark_leaves_out_its_own_pixels_after_a_click_for_another_too():
    torch.manual_seed(0)
    model = tiny.model(channels={"embedding": {}}).train()
    options = grounding.Options(conversations=1, dense=1.0, images=1, masks=2, corrected=1.0, mistaken=1.0)
    batch = batch_of(model, options, count=1)
    count = len(batch.masks[0])
    assert count > 2
    void = torch.zeros_like(batch.masks[0])
    for mark in range(count):
        void[mark, mark::count] = True  # rows that no other mark leaves out
    held, passes = model.segmenter.upscale, []

    def watched(*given):
        passes.append(held(*given).detach().requires_grad_())
        return passes[-1]

    model.segmenter.upscale = watched
    batch = dataclasses.replace(batch, masks=[batch.masks[0] & ~void], void=[void])
    grounding.Objective(model, options)(batch)["loss"].backward()
    first, second = (one.grad[:, 0].abs().sum(dim=2) > 0 for one in passes)  # (marks, rows)
    own, clicked = ([_left_out(row, count) for row in learned] for learned in (first, second))
    assert own[0] != own[1] and clicked == own[::-1]


def _left_out(learned: torch.Tensor, count: int) -> int:
    """Of ``(H,)`` rows, which ones bring no gradient: every count-th from that one on."""
    (found,) = (mark for mark in range(count) if not learned[mark::count].any())
    return found


def test_a_map_on_pixels_that_count_neither_way_is_not_learned(monkeypatch):
    model = tiny.model(channels={"embedding": {}}).train()
    options = grounding.Options(conversations=1, dense=1.0, images=0)
    batch = batch_of(model, options, count=1)
    void = torch.zeros_like(batch.masks[0])
    void[..., : void.shape[2] // 2] = True
    batch = dataclasses.replace(batch, masks=[batch.masks[0] & ~void], void=[void])
    held, seen = model.maps, {}

    def watched(*given):
        states, maps = held(*given)
        seen["maps"] = maps.detach().requires_grad_()
        return states, seen["maps"]

    monkeypatch.setattr(model, "maps", watched)
    out = grounding.Objective(model, options)(batch)
    (out["map_bce"] + out["map_dice"]).backward()
    gradient = seen["maps"].grad
    assert (
        gradient[..., : gradient.shape[2] // 2].abs().sum() == 0 < gradient[..., gradient.shape[2] // 2 :].abs().sum()
    )
