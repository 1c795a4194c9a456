import numpy as np
import pytest

from app.drawn import LEAST, MOST, PAPER, drawn, fitted


def test_a_small_picture_is_enlarged_with_its_masks_and_a_large_one_made_smaller():
    mask = np.zeros((64, 128), bool)
    mask[16:48, 32:96] = True
    small = drawn(np.full((64, 128, 3), 50, np.uint8), (64, 128), [mask], [(255, 0, 0)])
    assert small.shape == (LEAST // 2, LEAST, 3)
    assert small[190, 384, 0] > 100 and tuple(small[20, 20]) == (50, 50, 50)
    large = drawn(
        np.zeros((100, 2 * MOST, 3), np.uint8), (100, 2 * MOST), [np.ones((100, 2 * MOST), bool)], [(9, 9, 9)]
    )
    assert large.shape == (50, MOST, 3)


def test_without_a_picture_of_the_size_masks_lie_on_grey_and_void_pixels_are_seen():
    empty = np.zeros((768, 800), bool)
    void = empty.copy()
    void[:100] = True
    for image in (None, np.zeros((10, 10, 3), np.uint8)):
        made = drawn(image, (768, 800), [], [], void)
        assert made.shape == (768, 800, 3)
        assert tuple(made[500, 500]) == (PAPER,) * 3 and made[50, 50, 0] > PAPER


@pytest.mark.parametrize(
    ("size", "shown"), [((256, 128), (768, 384)), ((900, 1000), (900, 1000)), ((64, 5000), (16, 1280))]
)
def test_pictures_are_shown_at_a_size_that_suits_a_screen(size, shown):
    mask = np.zeros(size, bool)
    mask[: size[0] // 2] = True
    image, (smooth,) = fitted(np.zeros((*size, 3), np.uint8), [mask])
    assert image.shape[:2] == smooth.shape == shown
    assert abs(smooth.mean() - 0.5) < 0.04
