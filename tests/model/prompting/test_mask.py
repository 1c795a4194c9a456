import numpy as np
import pytest
import torch

from data.geometry import Frame
from model.prompting.base import Evidence
from model.prompting.mask import Channel, Options
from tests.model.prompting.test_points import FRAMES, PATCH, seen, shown


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


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("ratio", [1 / 20, 1 / 3, 1, 8, 20])
def test_a_bright_patch_is_bright_in_the_prompt_where_it_lies(ratio, kind):
    """Through the picture's real resizing, the map and SAM's frame, back to original pixels: what is over a half lies
    on the patch or within a cell of it, and the patch's middle is among it."""
    size = (round(1200 / max(1, ratio)), round(1200 * min(1, ratio)))
    frame = FRAMES[kind](size)
    grid = frame.scaled(frame.target[0] // PATCH, frame.target[1] // PATCH)
    left, top, right, bottom = shown(frame)
    x0, x1 = (left + share * (right - left) for share in (0.3, 0.7))
    y0, y1 = (top + share * (bottom - top) for share in (0.3, 0.7))
    image = np.zeros((*size, 3), np.uint8)
    image[max(0, round(y0)) : round(y1) + 1, max(0, round(x0)) : round(x1) + 1] = 255
    maps = seen(frame, image) * grid.valid_mask()
    sam = Frame.letterbox(size, 1024)
    mask_frame = sam.scaled(256, 256)
    made = Channel(Options(), 8, 4)(Evidence(torch.zeros(1, 8), maps / maps.max(), grid, sam, mask_frame)).mask
    back = mask_frame.map_back(made[0, 0]) > 0.5
    rows, columns = back.nonzero(as_tuple=True)
    assert back[round((y0 + y1) / 2), round((x0 + x1) / 2)]
    near_x, near_y = 1 / grid.scale[0] + 1 / mask_frame.scale[0], 1 / grid.scale[1] + 1 / mask_frame.scale[1]
    assert x0 - near_x <= columns.min() and columns.max() <= x1 + near_x
    assert y0 - near_y <= rows.min() and rows.max() <= y1 + near_y
