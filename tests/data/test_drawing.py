import numpy as np
from scipy import ndimage

from data.drawing import PALETTE, colour, overlay


def test_the_colours_go_round_and_differ():
    assert len(set(PALETTE)) == len(PALETTE)
    assert colour(0) == colour(len(PALETTE)) == PALETTE[0]


def test_fill_line_and_halo_lie_where_they_should():
    image = np.full((20, 30, 3), 100, np.uint8)
    mask = np.zeros((20, 30), bool)
    mask[6:14, 10:20] = True
    drawn = overlay(image, [mask], alpha=0.5, outline=2, colours=[(200, 0, 50)])
    assert drawn.dtype == np.uint8 and drawn.shape == image.shape
    assert (image == 100).all(), "the picture itself stays as it was"
    assert drawn[10, 15].tolist() == [150, 50, 75]  # half of each
    assert drawn[6, 15].tolist() == [200, 0, 50]  # the mask's own edge belongs to the line
    assert drawn[4, 15].tolist() == [200, 0, 50]  # two pixels out, still the line
    assert drawn[3, 15].tolist() == [255, 255, 255]  # the thin white line
    assert drawn[2, 15].tolist() == [100, 100, 100]


def test_working_near_the_mask_alone_gives_what_the_whole_picture_gives():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for shift in ((0, 0), (12, 30), (-9, 25)):  # at an edge, inside, across the border
        mask = np.roll(ndimage.binary_opening(rng.random((40, 50)) < 0.1, np.ones((1, 2))), shift, (0, 1))
        rim = ndimage.binary_dilation(mask, iterations=2) & ~ndimage.binary_erosion(mask)
        halo = ndimage.binary_dilation(rim) & ~rim & ~mask
        whole = image.astype(np.float32)
        whole[mask] = (1 - np.float32(0.3)) * whole[mask] + np.float32(0.3) * np.array(PALETTE[0], np.float32)
        whole[halo], whole[rim] = 255, PALETTE[0]
        assert np.abs(overlay(image, [mask], alpha=0.3).astype(int) - whole.round().astype(int)).max() <= 1


def test_an_empty_mask_and_no_mask_change_nothing():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (overlay(image, []) == image).all()
    assert (overlay(image, [np.zeros((5, 7), bool)]) == image).all()


def test_a_picture_of_one_pixel():
    assert overlay(np.zeros((1, 1, 3), np.uint8), [np.ones((1, 1), bool)]).shape == (1, 1, 3)


def test_a_later_mask_lies_on_top_with_the_next_colour():
    image = np.zeros((9, 9, 3), np.uint8)
    full = np.ones((9, 9), bool)
    drawn = overlay(image, [full, full], alpha=1.0, outline=0)
    assert (drawn == PALETTE[1]).all()
