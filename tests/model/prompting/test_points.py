import numpy as np
import pytest
import torch
from torch.nn import functional

from data.geometry import Frame
from model.prompting.base import Evidence
from model.prompting.points import Channel, Options, refine, select


def brute(point, one, frame):
    """READ's formula over every pixel of the picture, in float64."""
    height, width = frame.source
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).double()
    left, top, right, bottom = frame.window
    cells = frame.points(grid) - torch.tensor([left, top])
    place = ((cells + 0.5) / torch.tensor([right - left, bottom - top]) * 2 - 1)[None]
    shown = one[None, None, top:bottom, left:right].double()
    read = functional.grid_sample(shown, place, padding_mode="border", align_corners=False)[0, 0]
    chance = read.flatten().softmax(dim=0).view(height, width)
    weight = torch.exp(-((grid - point.double()) ** 2).sum(dim=-1)) * chance
    return (weight[..., None] * grid).sum(dim=(0, 1)) / weight.sum()


@pytest.mark.parametrize(
    "frame",
    [
        Frame.stretch((30, 50), (8, 8)),
        Frame.letterbox((50, 30), 64, centred=True).scaled(8, 8),
        Frame.letterbox((13, 70), 64).scaled(8, 8),
        Frame.centre_crop((40, 60), 64).scaled(8, 8),
    ],
)
def test_points_move_to_the_expectation_over_the_whole_picture(frame):
    height, width = frame.source
    maps = torch.rand(2, 8, 8)
    points = torch.rand(2, 6, 2) * torch.tensor([width - 1, height - 1])
    points[:, 0] = 0  # corners: nothing of the window beyond the edge may count
    points[:, 1] = torch.tensor([width - 1, height - 1])
    made = refine(points, maps, frame)
    for mask in range(2):
        for place in range(6):
            expected = brute(points[mask, place], maps[mask], frame)
            assert (made[mask, place] - expected).abs().max() < 5e-5  # single precision against double


def test_points_beyond_the_picture_come_to_its_edge():
    frame = Frame.stretch((20, 30), (4, 4))
    made = refine(torch.tensor([[[-9.0, -9.0], [99.0, 99.0]]]), torch.zeros(1, 4, 4), frame)
    again = refine(torch.tensor([[[0.0, 0.0], [29.0, 19.0]]]), torch.zeros(1, 4, 4), frame)
    assert torch.equal(made, again)
    assert (made[0, 0] >= 0).all() and (made[0, 1] <= torch.tensor([29, 19])).all()


def test_which_cells_are_chosen_and_in_which_order():
    maps = torch.tensor([[[0.85, 0.1, 1.0], [0.5, 0.0, 0.85], [0.2, 0.8, 0.79]]])
    valid = torch.ones(3, 3, dtype=torch.bool)
    index, labels = select(maps, valid, Options(keep=12))
    # positives 1.0, 0.85, 0.85, 0.8; negatives 0, 0.1, 0.2; neutrals by index; then padding
    assert index[0].tolist() == [2, 0, 5, 7, 4, 1, 6, 3, 8, 0, 0, 0]
    assert labels[0].tolist() == [1] * 4 + [0] * 3 + [-1] * 5
    index, labels = select(maps, valid, Options(keep=3))
    assert index[0].tolist() == [2, 0, 5] and labels[0].tolist() == [1, 1, 1]


def test_cells_off_the_image_are_never_chosen():
    maps = torch.ones(1, 2, 2)
    valid = torch.tensor([[True, False], [False, True]])
    maps[0, 0, 0] = 0
    index, labels = select(maps, valid, Options(keep=4))
    assert index[0, :2].tolist() == [3, 0]
    assert labels[0].tolist() == [1, 0, -1, -1]


def test_a_flat_map_says_nothing():
    _, labels = select(torch.zeros(2, 3, 3), torch.ones(3, 3, dtype=torch.bool), Options(keep=9))
    assert (labels == -1).all()


FRAMES = {
    "stretch": lambda size: Frame.stretch(size, (336, 336)),
    "letterbox": lambda size: Frame.letterbox(size, 336),
    "centred": lambda size: Frame.letterbox(size, 336, centred=True),
    "crop": lambda size: Frame.centre_crop(size, 336),
    "wide letterbox": lambda size: Frame.letterbox(size, (196, 448), centred=True),
    "tall crop": lambda size: Frame.centre_crop(size, (448, 196)),
    "tall stretch": lambda size: Frame.stretch(size, (448, 196)),
}
PATCH = 14


def seen(frame: Frame, image: np.ndarray) -> torch.Tensor:
    """The mean brightness of each patch of the picture as a network would get it."""
    pixels = torch.from_numpy(frame.image(image).copy())[..., 0].float() / 255
    return functional.avg_pool2d(pixels[None, None], PATCH)[0]


def shown(frame: Frame) -> tuple[float, float, float, float]:
    """The part of the picture that the frame shows, in original pixels: left, top, right, bottom."""
    height, width = frame.source
    corners = np.array([[-0.5, -0.5], [frame.target[1] - 0.5, frame.target[0] - 0.5]])
    (left, top), (right, bottom) = frame.points_back(corners)
    return max(left, -0.5), max(top, -0.5), min(right, width - 0.5), min(bottom, height - 0.5)


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("ratio", [1 / 20, 1 / 3, 3 / 4, 1, 1.7, 8, 20])
def test_a_bright_patch_comes_back_as_a_point_inside_it(ratio, kind, factor):
    """A bright patch of the picture (all of a side too thin for a part of it) goes through the real resizing to a grid
    and is found again in original pixels; no negative point lies in it."""
    size = (round(1200 / max(1, ratio)), round(1200 * min(1, ratio)))
    frame = FRAMES[kind](size)
    grid = frame.scaled(frame.target[0] // PATCH, frame.target[1] // PATCH)
    left, top, right, bottom = shown(frame)
    for share in (0.1, 0.6):
        # At least four cells of a side, or all of it: points come from cells of two, and each may show a part.
        spans = []
        for low, high, scale in ((left, right, grid.scale[0]), (top, bottom, grid.scale[1])):
            thin = (high - low) * scale < 12
            spans += [(low, high) if thin else (low + share * (high - low), low + (share + 0.35) * (high - low))]
        (x0, x1), (y0, y1) = spans
        image = np.zeros((*size, 3), np.uint8)
        image[max(0, round(y0)) : round(y1) + 1, max(0, round(x0)) : round(x1) + 1] = 255
        maps = seen(frame, image) * grid.valid_mask()
        maps = maps / maps.max()
        made = Channel(Options(factor=factor), 8, 4)(Evidence(torch.zeros(1, 8), maps, grid, frame, frame))
        assert made.points.shape == (1, 30, 2) and made.labels.shape == (1, 30)
        assert made.labels[0, 0] == 1
        inside = [bool(image[round(y), round(x), 0]) for x, y in made.points[0].tolist()]
        for label, found in zip(made.labels[0].tolist(), inside, strict=True):
            assert label == -1 or found == bool(label)


def test_points_pass_gradients_to_the_map():
    frame = Frame.stretch((40, 60), (8, 8))
    maps = torch.rand(2, 8, 8, requires_grad=True)
    made = Channel(Options(factor=2, keep=5), 8, 4)(Evidence(torch.zeros(2, 8), maps, frame, frame, frame))
    made.points.sum().backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all() and (maps.grad.flatten(1).abs().sum(dim=1) > 0).all()


def test_no_marks_give_no_points():
    frame = Frame.letterbox((40, 60), 64).scaled(8, 8)
    made = Channel(Options(), 8, 4)(Evidence(torch.zeros(0, 8), torch.zeros(0, 8, 8), frame, frame, frame))
    assert made.points.shape == (0, 30, 2) and made.labels.shape == (0, 30)
