"""Pixels that count neither way, in the grounding objective."""

import dataclasses

import torch

from tests import tiny
from tests.train.objectives.batches import batch_of
from train.objectives import grounding


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


def left_out(model, options, batch):
    """Each mark of a picture is made to leave out rows that no other does; of each mask that is drawn, in each pass
    of the segmenter, the mark whose rows bring no gradient."""
    count = len(batch.masks[0])
    void = torch.zeros_like(batch.masks[0])
    for mark in range(count):
        void[mark, mark::count] = True
    held, passes = model.segmenter.upscale, []

    def watched(*given):
        passes.append(held(*given).detach().requires_grad_())
        return passes[-1]

    model.segmenter.upscale = watched
    batch = dataclasses.replace(batch, masks=[batch.masks[0] & ~void], void=[void])
    grounding.Objective(model, options)(batch)["loss"].backward()
    return [[_silent(rows, count) for rows in one.grad[:, 0].abs().sum(dim=2) > 0] for one in passes]


def _silent(learned: torch.Tensor, count: int) -> int:
    """Of ``(H,)`` rows, which ones bring no gradient: every count-th from that one on."""
    (found,) = (mark for mark in range(count) if not learned[mark::count].any())
    return found


def test_each_mark_leaves_out_its_own_pixels_after_a_click_for_another_too():
    torch.manual_seed(0)
    model = tiny.model(channels={"embedding": {}}).train()
    options = grounding.Options(conversations=1, dense=1.0, images=1, masks=2, corrected=1.0, mistaken=1.0)
    batch = batch_of(model, options, count=1)
    assert len(batch.masks[0]) > 2
    own, clicked = left_out(model, options, batch)
    assert own[0] != own[1] and clicked == own[::-1]


def test_the_marks_that_are_drawn_leave_out_their_own_pixels(monkeypatch):
    """By the marks that are chosen, and not by as many from the first on."""
    model = tiny.model(channels={"embedding": {}}).train()
    options = grounding.Options(conversations=1, dense=1.0, images=1, masks=2)
    batch = batch_of(model, options, count=1)
    count = len(batch.masks[0])
    assert count > 3
    monkeypatch.setattr(torch, "randperm", lambda n, device=None: torch.arange(n, device=device).flip(0))
    drawn, *_ = left_out(model, options, batch)
    assert drawn == [count - 1, count - 2]


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
