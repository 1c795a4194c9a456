"""The published formulas, against slow transcriptions of what the papers' code computes; parity itself is in
tests/eval/parity."""

import math

import pytest
import torch
from PIL import Image

from data.geometry import Frame
from model import published
from model.prompting.base import Evidence
from model.prompting.points import Channel, Options

SIZES = [(60, 80), (72, 48), (50, 50), (30, 400)]


@pytest.mark.parametrize("size", SIZES)
def test_a_square_map_is_padded_to_the_picture_s_shape(size):
    made = published.padded(torch.ones(1, 16, 16), size, -1.0)
    assert min(made.shape[1:]) == 16
    assert max(made.shape[1:]) in (
        int(16 * max(size) / min(size)),
        int(16 * max(size) / min(size)) - 1,
    )  # odd: one less
    assert (made == 1).sum() == 256


def test_cells_become_whole_pixels():
    made = published.whole_pixels(torch.tensor([[0, 5, 11]]), (3, 4), (30, 50))
    # 12.5 x 10 pixels a cell: centres at 6.25, 18.75, 43.75 and 5, 15, 25
    assert made.tolist() == [[[6, 5], [18, 15], [43, 25]]]


def test_sam_s_own_scaling_leaves_out_the_half_pixel():
    frame = Frame.letterbox((72, 48), 1024)
    points = torch.tensor([[[27.0, 45.0]]])
    made = frame.points(published.sam_points(points, frame))
    assert torch.allclose(made, torch.tensor([[[27 * 683 / 48, 45 * 1024 / 72]]]), atol=1e-3)
    assert (frame.points(points) - made).abs().max() > 6  # what it costs at this scale


@pytest.mark.parametrize("size", [(60, 80), (72, 48), (50, 50)])
def test_the_mask_prompt_shows_the_map_and_is_0_in_the_padding(size):
    maps = torch.rand(2, 8, 8)
    made = published.uground_mask(maps, size, 256)
    _, _, right, bottom = Frame.letterbox(size, 256).window
    assert made.shape == (2, 256, 256)
    assert (made[:, bottom:] == 0).all() and (made[:, :, right:] == 0).all()
    whole = Image.fromarray(maps[0].numpy()).resize((336, 336), Image.Resampling.BILINEAR)
    _, _, wide, high = Frame.letterbox(size, 336).window
    cut = whole.crop((0, 0, wide, high)).resize((right, bottom), Image.Resampling.BILINEAR)
    expected = torch.tensor(list(cut.getdata())).view(bottom, right)
    assert (made[0, :bottom, :right] - expected).abs().mean() < 0.02  # four resizes against two


def test_dice_counts_its_epsilon_a_thousand_times():
    logits, truth = torch.tensor([[[2.0, -1.0], [0.5, -3.0]]]), torch.tensor([[[True, False], [False, False]]])
    bce, dice = published.mask_losses(logits, truth)
    p = [1 / (1 + math.exp(-x)) for x in (2.0, -1.0, 0.5, -3.0)]
    assert float(bce) == pytest.approx(-(math.log(p[0]) + sum(math.log(1 - x) for x in p[1:])) / 4, abs=1e-6)
    assert float(dice) == pytest.approx(1 - (2 * p[0] + 1e-3) / (sum(p) + 1 + 1e-3), abs=1e-5)


def test_a_perfect_map_still_loses():
    """What taking a map in [0, 1] as logits leads to (design, section 4)."""
    truth = torch.zeros(1, 64, 64, dtype=torch.bool)
    truth[0, 20:30, 20:30] = True
    perfect = published._blurred(truth.float())
    assert float(perfect.max()) == pytest.approx(1)
    bce, dice = published.gaussian_losses(perfect, truth)
    assert bce > 0.8 and dice > 0.1


def drawn(count: int, rejected: tuple[bool, ...], size: tuple[int, int] = (20, 30)) -> published.Drawn:
    truth = torch.zeros(len(rejected), *size, dtype=torch.bool)
    keep = ~torch.tensor(rejected, dtype=torch.bool)
    truth[keep, 3:9, 4:12] = True
    return published.Drawn(torch.randn(count, *size), truth, keep, torch.rand(count, 4, 4))


def test_rejected_targets_add_a_constant_for_gsva_and_nothing_for_the_others():
    ce, weights = torch.tensor(2.0), (1.0, 2.0, 0.5)
    image = drawn(1, (False, True))
    alone = published.Drawn(image.logits, image.truth[:1], image.drawn[:1], image.maps)
    lisa = published.supervised("lisa", ce, [alone], weights)
    read = published.supervised("read", ce, [image], weights)
    assert float(lisa["loss"]) == pytest.approx(float(read["loss"]))
    gsva = published.supervised("gsva", ce, [image], weights)
    bce, dice = published.mask_losses(image.logits, image.truth[:1])
    empty = 1 - 1e-6 / (20 * 30 * 0.5 / 1000 + 1e-6)
    assert float(gsva["mask_bce_loss"]) == pytest.approx(2 * (float(bce) + math.log(2)) / 2, abs=1e-5)
    assert float(gsva["mask_dice_loss"]) == pytest.approx(0.5 * (float(dice) + empty) / 2, abs=1e-5)


def test_no_masks_at_all_lose_only_words():
    for system in ("lisa", "gsva", "read", "uground"):
        parts = published.supervised(system, torch.tensor(2.0), [drawn(0, ())], (1.0, 2.0, 0.5))
        assert float(parts["loss"]) == 2


def test_uground_s_reward_grows_with_the_number_of_masks():
    one, two = drawn(1, (False,)), drawn(2, (False, False))
    two = published.Drawn(two.logits, two.truth, two.drawn, one.maps.repeat(2, 1, 1))
    rewards = [
        published.supervised("uground", torch.tensor(1.0), [image], (1.0, 2.0, 4.0))["reward"] for image in (one, two)
    ]
    assert float(rewards[1]) == pytest.approx(2 * float(rewards[0]), rel=1e-4)


def test_read_s_points_miss_what_ours_hit():
    """On a picture that is not 3:4 the published mapping is off by many pixels; ours lands on the patch."""
    size = (400, 1000)
    frame = Frame.centre_crop(size, 336).scaled(24, 24)
    image = torch.zeros(1, *size)
    image[0, 180:230, 640:690] = 1
    maps = frame.map_to(image)
    maps = maps / maps.max()
    channel = Channel(Options(factor=2), 8, 4)
    sam = Frame.letterbox(size, 1024)

    def nearest(name: str | None) -> float:
        made = channel(Evidence(torch.zeros(1, 8), maps, frame, sam, sam.scaled(256, 256), name))
        first = made.points[0][made.labels[0] == 1]
        return float((first - torch.tensor([664.5, 204.5])).abs().max())

    assert nearest(None) < 25
    assert nearest("read") > nearest(None)
