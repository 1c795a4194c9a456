import pytest
import torch

from data.geometry import Frame
from model.prompting.base import Evidence
from model.prompting.mask import Channel, Options


@pytest.mark.parametrize("size", [(48, 64), (64, 48), (40, 120), (120, 40)])
def test_the_map_s_peak_falls_on_the_same_place_of_the_picture(size):
    frame = Frame.centre_crop(size, 64).scaled(16, 16) if max(size) < 100 else Frame.stretch(size, (16, 16))
    mask_frame = Frame.letterbox(size, 256).scaled(64, 64)
    maps = torch.zeros(2, 16, 16)
    maps[0, 5, 9] = maps[1, 12, 3] = 1
    made = Channel(Options(), 8, 4)(Evidence(torch.zeros(2, 8), maps, frame, mask_frame, mask_frame))
    assert made.mask.shape == (2, 1, 64, 64)
    assert made.mask.min() >= 0 and made.mask.max() <= 1
    assert not made.mask[:, 0, ~mask_frame.valid_mask()].any()
    for row, (y, x) in enumerate([(5, 9), (12, 3)]):
        best = made.mask[row, 0].flatten().argmax()
        there = mask_frame.points_back(torch.tensor([best % 64, best // 64]).double())
        cell = frame.points(there)
        assert (cell - torch.tensor([x, y])).abs().max() <= 0.75, "within the cell, but for half a pixel of the mask"


def test_the_map_learns_through_the_mask():
    frame = Frame.letterbox((40, 60), 64).scaled(8, 8)
    maps = torch.rand(1, 8, 8, requires_grad=True)
    Channel(Options(), 8, 4)(
        Evidence(torch.zeros(1, 8), maps, frame, frame, frame.scaled(16, 16))
    ).mask.sum().backward()
    assert maps.grad is not None
    assert (maps.grad[0, frame.valid_mask()] != 0).all()
