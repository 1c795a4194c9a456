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


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("kind", ["stretch", "letterbox", "centred"])
@pytest.mark.parametrize("ratio", [1 / 20, 1 / 3, 3 / 4, 1, 1.7, 8, 20])
def test_a_bright_patch_comes_back_as_a_point_inside_it(ratio, kind, factor):
    """A quarter of each side, or all of a side too thin for that, is found again in original pixels."""
    size = (round(1200 / max(1, ratio)), round(1200 * min(1, ratio)))
    frame = {
        "stretch": Frame.stretch(size, (24, 24)),
        "letterbox": Frame.letterbox(size, 336).scaled(24, 24),
        "centred": Frame.letterbox(size, 336, centred=True).scaled(24, 24),
    }[kind]
    height, width = size
    long = max(size)
    for share in (0.1, 0.6):
        y0, y1 = (share * height, (share + 0.25) * height) if height / long > 0.5 else (0, height)
        x0, x1 = (share * width, (share + 0.25) * width) if width / long > 0.5 else (0, width)
        mask = torch.zeros(1, *size)
        mask[0, int(y0) : int(y1), int(x0) : int(x1)] = 1
        maps = frame.map_to(mask)
        maps = maps / maps.max()
        channel = Channel(Options(factor=factor), 8, 4)
        made = channel(Evidence(torch.zeros(1, 8), maps, frame, frame, frame))
        assert made.points.shape == (1, 30, 2) and made.labels.shape == (1, 30)
        assert made.labels[0, 0] == 1
        inside = [bool(mask[0, round(y), round(x)]) for x, y in made.points[0].tolist()]
        for label, found in zip(made.labels[0].tolist(), inside, strict=True):
            if label == 1:
                assert found
            if label == 0:
                assert not found


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
