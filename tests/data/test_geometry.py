import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from transformers import CLIPImageProcessorPil

from data.geometry import Frame

SIZES = [(1, 1), (30, 20), (20, 30), (48, 64), (427, 640), (40, 800), (800, 40), (8000, 40), (7, 1)]


def frames(size):
    letterbox = Frame.letterbox(size, 64)
    return {
        "identity": Frame.identity(size),
        "stretch": Frame.stretch(size, (24, 17)),
        "letterbox": letterbox,
        "centred": Frame.letterbox(size, 64, centred=True),
        "crop": Frame.centre_crop(size, 32),
        "patches": letterbox.scaled(8, 8),
    }


KINDS = list(frames((2, 3)))


def test_the_centre_of_a_pixel_stays_a_centre():
    frame = Frame.stretch((10, 20), (30, 40))  # twice as wide, three times as high
    made = frame.points(np.array([[0.0, 0.0], [19.0, 9.0], [-0.5, -0.5], [3.0, 4.0]]))
    assert np.allclose(made, [[0.5, 1.0], [38.5, 28.0], [-0.5, -0.5], [6.5, 13.0]])


@pytest.mark.parametrize(
    ("frame", "scale", "offset"),
    [
        (Frame.letterbox((30, 60), 40), (2 / 3, 2 / 3), (0, 0)),
        (Frame.letterbox((30, 60), 40, centred=True), (2 / 3, 2 / 3), (0, 10)),
        (Frame.letterbox((60, 30), 40, centred=True), (2 / 3, 2 / 3), (10, 0)),
        (Frame.centre_crop((30, 60), 20), (2 / 3, 2 / 3), (-10, 0)),
        (Frame.letterbox((30, 60), 40).scaled(4, 4), (2 / 30, 2 / 30), (0, 0)),
        (Frame.letterbox((1, 1000), 10), (0.01, 1.0), (0, 0)),  # never thinner than a pixel
    ],
)
def test_scales_and_offsets_by_hand(frame, scale, offset):
    assert frame.scale == pytest.approx(scale)
    assert frame.offset == pytest.approx(offset)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_points_go_there_and_back(size, kind):
    frame = frames(size)[kind]
    points = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([size[1], size[0]]) - 0.5
    assert (frame.points_back(frame.points(points)) - points).abs().max() < 1e-4
    again = frame.points_back(frame.points(points.numpy()))
    assert np.abs(again - points.numpy()).max() < 1e-4
    single = frame.points_back(frame.points(points.float()))
    tolerance = 1e-4 if max(size) <= 1000 else 4e-3  # a float32 of a few thousand has steps of 5e-4
    assert (single - points).abs().max() < tolerance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES[:-2])
def test_valid_pixels_are_those_whose_centre_lies_on_the_image(size, kind):
    frame = frames(size)[kind]
    height, width = frame.target
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    back = frame.points_back(torch.stack([columns, rows], dim=-1).double())
    expected = ((back > -0.5) & (back < torch.tensor([size[1] - 0.5, size[0] - 0.5]))).all(dim=-1)
    valid = frame.valid_mask()
    if expected.any():
        assert torch.equal(valid, expected)
    else:
        assert valid.any()
    left, top, right, bottom = frame.window
    outside = valid.clone()
    outside[top:bottom, left:right] = False
    assert not outside.any()


def test_an_image_thinner_than_a_cell_still_has_a_row_of_valid_cells():
    valid = Frame.letterbox((4, 400), 64).scaled(4, 4).valid_mask()
    assert valid.tolist() == [[True] * 4] + [[False] * 4] * 3


def picture(height, width):
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / 9) * 90 + 120, np.cos(columns / 11) * 90 + 120, (rows + columns) / (height + width) * 250]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_a_letterboxed_picture_is_a_plain_resize_and_filling():
    image = picture(60, 90)
    made = Frame.letterbox((60, 90), 45, centred=True).image(image, fill=(1, 2, 3))
    assert made.shape == (45, 45, 3) and made.dtype == np.uint8
    expected = np.asarray(Image.fromarray(image).resize((45, 30), Image.Resampling.BILINEAR))
    assert np.array_equal(made[7:37], expected)
    assert (made[:7] == (1, 2, 3)).all() and (made[37:] == (1, 2, 3)).all()


def test_a_cropped_picture_is_a_plain_resize_and_a_cut():
    image = picture(60, 90)
    made = Frame.centre_crop((60, 90), 30).image(image).astype(int)
    whole = np.asarray(Image.fromarray(image).resize((45, 30), Image.Resampling.BILINEAR)).astype(int)
    assert made.shape == (30, 30, 3)
    inner = slice(2, -2)  # the cut itself has no neighbours to be averaged with
    assert np.abs(made - whole[:, 7:37])[:, inner].max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (40, 8000), (8000, 40), (1, 3000)])
def test_the_strangest_shapes_keep_their_colour(size):
    image = np.full((*size, 3), (10, 200, 90), dtype=np.uint8)
    for frame in (Frame.letterbox(size, 32), Frame.letterbox(size, 32, centred=True), Frame.stretch(size, (32, 32))):
        made = frame.image(image)
        left, top, right, bottom = frame.window
        assert (made[top:bottom, left:right] == (10, 200, 90)).all()
        assert made.any(axis=-1).sum() == (right - left) * (bottom - top)


def test_map_to_counts_pixels_exactly():
    mask = torch.rand(6, 9) > 0.5
    made = Frame.stretch((6, 9), (4, 6)).map_to(mask.float())
    fine = mask.repeat_interleave(2, 0).repeat_interleave(2, 1)  # 12 x 18: whole numbers of them fill a cell of 3 x 3
    expected = torch.tensor([[float(fine[3 * r : 3 * r + 3, 3 * c : 3 * c + 3].float().mean()) for c in range(6)]
                             for r in range(4)])  # fmt: skip
    assert torch.allclose(made, expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(30, 20), (48, 64), (40, 400)])
def test_map_to_averages_over_the_area_of_each_cell(size, kind):
    frame = frames(size)[kind]
    mask = torch.zeros(size)
    mask[size[0] // 4 : size[0] // 2 + 3, size[1] // 5 : size[1] // 2] = 1
    made = frame.map_to(mask)
    height, width = frame.target
    parts = 40  # samples a cell, each way
    ys = ((torch.arange(height * parts) + 0.5) / parts - frame.offset[1]) / frame.scale[1]
    xs = ((torch.arange(width * parts) + 0.5) / parts - frame.offset[0]) / frame.scale[0]
    inside = ((ys >= 0) & (ys < size[0]))[:, None] & ((xs >= 0) & (xs < size[1]))[None]
    rows, columns = ys.long().clamp(0, size[0] - 1), xs.long().clamp(0, size[1] - 1)
    counted = functional.avg_pool2d((mask[rows][:, columns] * inside)[None], parts)[0]
    assert (made - counted).abs().max() < 2.5 / parts


def test_map_to_keeps_the_mass_where_nothing_is_cut():
    maps = torch.rand(3, 37, 91)
    frame = Frame.letterbox((37, 91), 64, centred=True).scaled(9, 9)
    area = frame.scale[0] * frame.scale[1]
    assert torch.allclose(frame.map_to(maps).sum(dim=(1, 2)), maps.sum(dim=(1, 2)) * area, rtol=1e-4)


@pytest.mark.parametrize("size", [(30, 20), (48, 64), (5, 90)])
def test_map_back_is_torch_s_bilinear_interpolation_of_the_uncut_part(size):
    maps = torch.rand(2, 64, 64)
    stretched = Frame.stretch(size, (64, 64)).map_back(maps)
    expected = functional.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]
    assert torch.allclose(stretched, expected, atol=1e-6)
    for centred in (False, True):
        frame = Frame.letterbox(size, 64, centred)
        left, top, right, bottom = frame.window
        assert (bottom - top, right - left) == tuple(max(1, round(64 * side / max(size))) for side in size)
        cut = maps[None, :, top:bottom, left:right]
        expected = functional.interpolate(cut, size=size, mode="bilinear", align_corners=False)[0]
        assert torch.allclose(frame.map_back(maps), expected, atol=1e-6)


def read(grid, x, y, window):
    """One bilinear sample within the window, its edge pixels holding on."""
    left, top, right, bottom = window
    x, y = min(max(x, left), right - 1), min(max(y, top), bottom - 1)
    x0, y0 = math.floor(x), math.floor(y)
    x1, y1 = min(x0 + 1, right - 1), min(y0 + 1, bottom - 1)
    above = grid[y0][x0] * (1 - (x - x0)) + grid[y0][x1] * (x - x0)
    below = grid[y1][x0] * (1 - (x - x0)) + grid[y1][x1] * (x - x0)
    return above * (1 - (y - y0)) + below * (y - y0)


@pytest.mark.parametrize(
    "frame",
    [
        Frame.centre_crop((17, 29), 8),
        Frame.centre_crop((29, 17), 8),
        Frame.letterbox((17, 29), 64).scaled(8, 8),
        Frame.letterbox((31, 12), 64, centred=True).scaled(6, 6),
    ],
)
def test_map_back_reads_each_pixel_where_it_lies_in_the_target(frame):
    maps = torch.rand(frame.target)
    made = frame.map_back(maps)
    grid = maps.tolist()
    for y in range(frame.source[0]):
        for x in range(frame.source[1]):
            there = frame.points(torch.tensor([x, y], dtype=torch.float64)).tolist()
            assert float(made[y, x]) == pytest.approx(read(grid, *there, frame.window), abs=1e-4)


@pytest.mark.parametrize("size", [(17, 29), (29, 17), (5, 60)])
def test_resample_reads_the_same_place_in_another_frame(size):
    mine, other = Frame.centre_crop(size, 24).scaled(6, 6), Frame.letterbox(size, 32).scaled(8, 8)
    maps = torch.rand(2, 6, 6)
    made = mine.resample(maps, other)
    valid = other.valid_mask()
    assert made.shape == (2, 8, 8)
    assert not made[:, ~valid].any()
    grid = maps[1].tolist()
    for y, x in valid.nonzero().tolist():
        there = mine.points(other.points_back(torch.tensor([x, y], dtype=torch.float64))).tolist()
        assert float(made[1, y, x]) == pytest.approx(read(grid, *there, mine.window), abs=1e-4)


def test_resampling_to_the_same_frame_changes_nothing():
    frame = Frame.letterbox((30, 50), 64).scaled(8, 8)
    maps = torch.rand(3, 8, 8) * frame.valid_mask()
    assert torch.allclose(frame.resample(maps, frame), maps, atol=1e-6)


def test_maps_pass_gradients():
    frame = Frame.letterbox((12, 20), 16).scaled(4, 4)
    maps = torch.rand(4, 4, requires_grad=True)
    frame.map_back(maps).sum().backward()
    assert maps.grad is not None
    assert float(maps.grad.sum()) == pytest.approx(12 * 20, rel=1e-4)  # each pixel's weights sum to one


@pytest.mark.parametrize("size", [(48, 64), (333, 500), (500, 375), (100, 1777), (22, 30)])
def test_a_centre_crop_is_that_of_clip_s_own_processor(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    processor = CLIPImageProcessorPil(
        do_rescale=False, do_normalize=False, size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}
    )
    theirs = np.asarray(processor(images=image, return_tensors="np")["pixel_values"][0]).transpose(1, 2, 0)
    np.testing.assert_array_equal(Frame.centre_crop(size, 56).image(image, resample="bicubic"), theirs)


def test_a_line_of_a_picture_does_not_become_gigabytes():
    image = np.zeros((1, 20000, 3), np.uint8)
    image[:, 9990:10010] = 200
    made = Frame.centre_crop((1, 20000), 336).image(image)
    assert made.shape == (336, 336, 3) and (made == 200).all()


def test_grids_need_not_be_square():
    frame = Frame.letterbox((30, 60), (40, 60), centred=True)
    assert frame.target == (40, 60) and frame.scale == (1.0, 1.0) and frame.offset == (0.0, 5.0)
    crop = Frame.centre_crop((30, 60), (60, 40))
    assert crop.target == (60, 40) and crop.scale == (2.0, 2.0) and crop.offset == (-40.0, 0.0)


@pytest.mark.parametrize(("resample", "levels", "share"), [("bilinear", 1, 0.003), ("bicubic", 2, 0.01)])
@pytest.mark.parametrize("size", [(48, 64), (333, 500), (30, 20), (700, 1100)])
def test_a_padded_picture_is_pillow_s_but_for_rounding(size, resample, levels, share):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    frame = Frame.letterbox(size, 512)
    _, _, right, bottom = frame.window
    theirs = Image.fromarray(image).resize((right, bottom), Image.Resampling[resample.upper()])
    made = frame.image(image, resample=resample)
    apart = np.abs(made[:bottom, :right].astype(int) - np.asarray(theirs).astype(int))
    assert apart.max() <= levels and (apart > 0).mean() <= share
    assert made.transpose(2, 0, 1).flags.c_contiguous  # what networks take is not copied again
