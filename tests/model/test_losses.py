import math

import pytest
import torch

from data.geometry import Frame
from model.losses import iou_loss, map_losses, map_target, mask_losses, true_iou


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_bce_and_dice_of_a_mask_by_hand():
    logits = torch.tensor([[[2.0, -1.0], [0.0, 3.0]]])
    target = torch.tensor([[[True, False], [True, False]]])
    bce, dice = mask_losses(logits, target)
    p = [sigmoid(x) for x in (2, -1, 0, 3)]
    assert float(bce) == pytest.approx(-(math.log(p[0]) + math.log(1 - p[1]) + math.log(0.5) + math.log(1 - p[3])) / 4)
    assert float(dice) == pytest.approx(1 - (2 * (p[0] + p[2]) + 1) / (sum(p) + 2 + 1))


def test_a_perfect_mask_costs_nothing_an_empty_one_too():
    target = torch.zeros(2, 8, 8, dtype=torch.bool)
    target[0, 2:5, 3:7] = True  # the second stays empty
    for loss in mask_losses((target.float() - 0.5) * 100, target):
        assert torch.allclose(loss, torch.zeros(2), atol=1e-5)
    for loss in mask_losses((0.5 - target.float()) * 100, target):
        assert (loss > 0.9).all()


def test_half_precision_gives_losses_in_single():
    bce, dice = mask_losses(torch.randn(2, 4, 4).bfloat16(), torch.rand(2, 4, 4) > 0.5)
    assert bce.dtype == dice.dtype == torch.float32


def test_no_masks_at_all_give_empty_losses_with_gradients():
    logits = torch.zeros(0, 4, 4, requires_grad=True)
    none = torch.zeros(0, 4, 4, dtype=torch.bool)
    bce, dice = mask_losses(logits, none)
    first, second = map_losses(logits, none, torch.ones(4, 4, dtype=torch.bool), 10.0)
    assert all(loss.shape == (0,) for loss in (bce, dice, first, second))
    total = bce.sum() + dice.sum() + first.sum() + second.sum() + iou_loss(logits.sum(dim=(1, 2)), logits, none)
    total.backward()
    assert float(total.detach()) == 0
    assert logits.grad is not None and logits.grad.shape == (0, 4, 4)


def test_a_map_s_target_is_blurred_with_the_peak_at_one():
    target = torch.zeros(1, 56, 56, dtype=torch.bool)
    target[0, 24:32, 24:32] = True  # the cell (3, 3) of 7 x 7, exactly
    made = map_target(target, Frame.stretch((56, 56), (7, 7)))[0]
    for row in range(7):
        for column in range(7):
            near = max(abs(row - 3), abs(column - 3)) <= 2  # three sigmas are 1.95 cells
            squared = (row - 3) ** 2 + (column - 3) ** 2
            expected = math.exp(-squared / (2 * 0.65**2)) if near else 0
            assert float(made[row, column]) == pytest.approx(expected, abs=1e-5)


def test_a_map_s_target_stays_on_the_image_and_an_empty_one_is_zero():
    frame = Frame.letterbox((20, 80), 64).scaled(8, 8)
    target = torch.zeros(2, 20, 80, dtype=torch.bool)
    target[0] = True
    made = map_target(target, frame)
    assert not made[:, ~frame.valid_mask()].any()
    assert float(made[0].max()) == pytest.approx(1)
    assert not made[1].any()
    assert map_target(target[:0], frame).shape == (0, 8, 8)


def test_map_losses_by_hand():
    maps = torch.tensor([[[0.9, 0.2], [0.4, 0.7]]])
    target = torch.tensor([[[1.0, 0.0], [0.5, 0.3]]])
    valid = torch.tensor([[True, True], [True, False]])
    bce, dice = map_losses(maps, target, valid, 10.0)
    p, t = [sigmoid(10 * (m - 0.5)) for m in (0.9, 0.2, 0.4)], [1, 0, 0.5]
    weight = (3 - 1.5) / 1.5
    terms = [weight * b * -math.log(a) + (1 - b) * -math.log(1 - a) for a, b in zip(p, t, strict=True)]
    assert float(bce) == pytest.approx(sum(terms) / sum(weight * b + 1 - b for b in t), rel=1e-5)
    both = sum(a * b for a, b in zip(p, t, strict=True))
    assert float(dice) == pytest.approx(1 - (2 * both + 1) / (sum(p) + 1.5 + 1), rel=1e-5)


def test_rare_cells_weigh_as_much_as_all_others_together():
    target = torch.zeros(1, 10, 10)
    target[0, 0, 0] = 1
    wrong_inside, wrong_outside = torch.zeros(1, 10, 10), torch.ones(1, 10, 10)
    valid = torch.ones(10, 10, dtype=torch.bool)
    inside, _ = map_losses(wrong_inside, target, valid, 10.0)
    outside, _ = map_losses(wrong_outside, target, valid, 10.0)
    assert float(inside) == pytest.approx(float(outside), rel=1e-4)


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_map_losses_are_finite_for_empty_and_full_targets(fill):
    maps = torch.rand(1, 4, 4, requires_grad=True)
    bce, dice = map_losses(maps, torch.full((1, 4, 4), fill), torch.ones(4, 4, dtype=torch.bool), 10.0)
    (bce + dice).sum().backward()
    assert bce.isfinite().all() and dice.isfinite().all()
    assert maps.grad is not None and maps.grad.isfinite().all()


def test_iou_is_counted_in_pixels():
    logits = torch.tensor([[[1.0, 1, -1, -1]], [[-1, -1, -1, -1]], [[-1, -1, -1, -1]], [[1, 1, 1, 0]]])
    target = torch.tensor([[[1, 0, 1, 0]], [[0, 0, 0, 0]], [[1, 0, 0, 0]], [[1, 1, 1, 0]]]).bool()
    assert true_iou(logits, target).tolist() == pytest.approx([1 / 3, 1, 0, 1])


def test_the_iou_loss_moves_the_estimate_alone():
    predicted = torch.tensor([0.5, 0.5], requires_grad=True)
    logits = torch.tensor([[[1.0, -1]], [[1, 1]]], requires_grad=True)
    target = torch.tensor([[[1, 0]], [[1, 0]]]).bool()  # IoU 1 and 1/2
    loss = iou_loss(predicted, logits, target)
    assert loss.item() == pytest.approx(0.125)
    loss.backward()
    assert logits.grad is None
    assert predicted.grad is not None and predicted.grad.tolist() == pytest.approx([-0.5, 0])
