import torch

from data.world.compose import compose
from data.world.render import render
from data.world.things import KINDS
from tests import tiny
from train.objectives import encoder


def test_patch_truth_against_a_count_of_pixels():
    model = tiny.model()
    patches = encoder.dataset(model, encoder.Options(), first=3, count=1)[0]
    scene = compose("train", 3)
    masks = render(scene).masks
    scale = 64 / max(scene.height, scene.width)
    assert patches.kind.shape == (64, len(KINDS) + 1)
    for kind in {thing.kind for thing in scene.things}:
        pixels = sum(int(m.sum()) for m, thing in zip(masks, scene.things, strict=True) if thing.kind == kind)
        patch_area = float(patches.kind[:, KINDS.index(kind)].sum()) * 8 * 8
        assert abs(patch_area - pixels * scale**2) <= 0.03 * pixels * scale**2 + 1
    assert torch.allclose(patches.kind.sum(dim=1), torch.ones(64), atol=1e-4)
    assert torch.allclose(patches.colour.sum(dim=1), torch.ones(64), atol=1e-4)


def test_places_point_at_the_thing_s_centre():
    model = tiny.model()
    patches = encoder.dataset(model, encoder.Options(), first=3, count=1)[0]
    scene = compose("train", 3)
    masks = render(scene).masks
    frame = model.backbone.frame((scene.height, scene.width))
    centres = []
    for mask in masks:
        y, x = mask.nonzero()
        centres.append(frame.points(torch.tensor([x.mean(), y.mean()])))
    sure = patches.covered > 0.5
    cells = torch.stack([torch.arange(64) % 8, torch.arange(64) // 8], dim=1)
    pointed = cells[sure] + patches.place[sure, :2]
    nearest = torch.cdist(pointed.double(), torch.stack(centres).double()).min(dim=1).values
    assert len(pointed) and float(nearest.max()) < 1e-3


def test_patches_of_the_picture_know_where_they_are():
    model = tiny.model()
    patches = encoder.dataset(model, encoder.Options(), first=3, count=1)[0]
    scene = compose("train", 3)
    shown = ((patches.here > 0) & (patches.here < 1)).all(dim=1)
    frame = model.backbone.frame((scene.height, scene.width))
    assert torch.equal(shown, frame.valid_mask().flatten())
    assert torch.allclose(patches.here[shown].mean(dim=0), torch.tensor([0.5, 0.5]), atol=0.02)


def test_the_tower_learns_and_the_language_model_does_not():
    model = tiny.model()
    data = encoder.dataset(model, encoder.Options(), first=0, count=2)
    objective = encoder.Objective(model, encoder.Options())
    out = objective(encoder.collate(model, [data[0], data[1]]))
    out["loss"].backward()
    moved = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved and all("vision_tower" in name for name in moved)
    assert {"loss", "kind", "colour", "place", "outline", "here", "right"} == set(out)


def test_the_segmenter_s_encoder_learns_alone():
    model = tiny.model()
    options = encoder.Options(part="segmenter", outline=1.0, here=0.0)
    data = encoder.dataset(model, options, first=0, count=2)
    out = encoder.Objective(model, options)(encoder.collate(model, [data[0], data[1]]))
    out["loss"].backward()
    moved = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved and all("image_encoder" in name for name in moved)


def test_outlines_join_to_the_mask_of_the_thing_that_covers_each_patch():
    model = tiny.model()
    patches = encoder.dataset(model, encoder.Options(part="segmenter"), first=3, count=1)[0]
    scene = compose("train", 3)
    masks = torch.from_numpy(render(scene).masks)
    side, frame = 8 * encoder.CUT, model.segmenter.patch_frame((scene.height, scene.width))
    assert torch.allclose(patches.outline.mean(dim=1), patches.covered, atol=1e-5)
    drawn = patches.outline.view(8, 8, encoder.CUT, encoder.CUT).transpose(1, 2).reshape(side, side)
    every = frame.scaled(side, side).map_to(masks.float())
    assert torch.all(drawn <= every.amax(dim=0) + 1e-5)
    assert (drawn - every.amax(dim=0)).abs().mean() < 0.02  # they differ only where two things meet in a patch
