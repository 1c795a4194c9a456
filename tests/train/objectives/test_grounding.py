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
