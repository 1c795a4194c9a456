import base64
import io

import numpy as np
from PIL import Image

from data import masks
from eval.report import thumbnail


def test_a_picture_becomes_a_small_webp_of_its_own_colours():
    image = np.zeros((600, 1200, 3), np.uint8)
    image[:, 600:] = (250, 30, 20)
    uri = thumbnail.picture(image, 50_000)
    head, _, body = uri.partition(",")
    assert head == "data:image/webp;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB")).astype(int)
    assert shown.shape == (240, 480, 3)
    assert np.abs(shown[120, 100]).max() < 12
    assert np.abs(shown[120, 380] - (250, 30, 20)).max() < 12


def test_noise_is_made_smaller_until_it_fits_and_left_out_if_it_never_does():
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert 0 < len(thumbnail.picture(noise, 20_000)) <= 20_000
    assert thumbnail.picture(noise, 100) == ""


def test_a_small_mask_is_kept_as_it_is_and_a_large_one_halved():
    mask = np.zeros((400, 768), bool)
    mask[100:200, 200:400] = True
    rle = masks.encode(mask)
    assert thumbnail.mask(rle, 768) is rle
    small = masks.decode(thumbnail.mask(rle))
    expected = np.zeros((200, 384), bool)
    expected[50:100, 100:200] = True
    np.testing.assert_array_equal(small, expected)


def test_a_mask_thinner_than_a_pixel_of_the_page_is_still_seen():
    mask = np.zeros((3840, 3840), bool)
    mask[100, 500] = True
    small = masks.decode(thumbnail.mask(masks.encode(mask)))
    assert np.argwhere(small).tolist() == [[10, 50]]
