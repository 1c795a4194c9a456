import torch

from tests import tiny
from train.objectives import segmenter


def prepared():
    model = tiny.model()
    options = segmenter.Options(masks=2, rounds=2)
    data = segmenter.dataset(model, options, first=5, count=2)
    return model, options, data


def test_things_are_the_scene_s_own_masks_and_repeat_exactly():
    model, options, data = prepared()
    sam, masks = data[1]
    assert sam.shape == (3, 64, 64) and sam.dtype == torch.uint8
    assert masks.dtype == torch.bool and 1 <= len(masks) <= 2 and masks.flatten(1).any(dim=1).all()
    again = segmenter.dataset(model, options, first=6, count=1)[0]
    assert torch.equal(again[0], sam) and torch.equal(again[1], masks)


def test_every_part_of_the_segmenter_learns_and_nothing_else_does():
    model, options, data = prepared()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("segmenter."))
    objective = segmenter.Objective(model, options)
    moved = set()
    for seed in range(6):  # clicks, boxes and coarse maps are drawn by chance
        torch.manual_seed(seed)
        objective.zero_grad(set_to_none=True)
        out = objective(segmenter.collate(model, [data[0], data[1]]))
        out["loss"].backward()
        moved |= {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {name.split(".")[0] for name in moved} == {"segmenter"}
    parts = {name.split(".")[1] for name in moved}
    assert parts == {"image_encoder", "prompt_encoder", "mask_decoder"}
    assert set(out) == {"loss", "bce", "dice", "iou", "first", "last"}


def test_it_learns_one_picture_by_heart():
    model, options, data = prepared()
    objective = segmenter.Objective(model, options)
    batch = segmenter.collate(model, [data[0]])
    optimizer = torch.optim.AdamW(model.segmenter.parameters(), lr=5e-3)
    torch.manual_seed(0)
    losses = []
    for _ in range(40):
        out = objective(batch)
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
        losses.append(float(out["loss"].detach()))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
