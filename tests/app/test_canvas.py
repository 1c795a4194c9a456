"""What is sent to the canvas."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from app import canvas
from app.session import Track
from tests.eval.board import segment


def opened(address):
    assert address.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


@pytest.mark.parametrize("size", [(1, 1), (7, 13), (240, 256), (3, 2000)])
def test_a_mask_arrives_pixel_for_pixel(size):
    mask = np.random.default_rng(0).random(size) > 0.5
    drawn = opened(canvas.bit_png(mask))
    assert np.array_equal(np.asarray(drawn.convert("RGBA"))[..., 3] > 127, mask)


def test_a_mask_takes_about_one_bit_a_pixel_at_most():
    mask = np.random.default_rng(0).random((512, 512)) > 0.5  # noise: nothing to press
    sent = base64.b64decode(canvas.bit_png(mask).partition(",")[2])
    assert len(sent) < 512 * 512 / 8 * 1.02 + 200
    disc = np.hypot(*np.mgrid[-256:256, -256:256]) < 100
    assert len(base64.b64decode(canvas.bit_png(disc).partition(",")[2])) < 3000


def test_a_mask_of_a_large_picture_is_made_smaller_and_stays_in_place():
    mask = np.zeros((4096, 2048), bool)
    mask[1000:2000, 500:1000] = True
    drawn = np.asarray(opened(canvas.bit_png(mask)).convert("RGBA"))[..., 3] > 127
    assert drawn.shape == (2048, 1024)
    assert np.array_equal(drawn, mask[::2, ::2])


@pytest.mark.parametrize(
    ("size", "sent", "kind"),
    [((100, 200), (384, 768), "png"), ((1000, 500), (1000, 500), "jpeg"), ((1000, 4096), (500, 2048), "jpeg")],
)
def test_a_picture_is_sent_at_a_size_that_a_screen_can_use(size, sent, kind):
    content, mime = canvas.encoded(np.full((*size, 3), (200, 40, 90), np.uint8))
    assert mime == f"image/{kind}"
    drawn = np.asarray(Image.open(io.BytesIO(content)))
    assert drawn.shape == (*sent, 3) and np.abs(drawn.astype(int) - (200, 40, 90)).max() <= 3


def test_a_mask_says_what_it_is_and_what_can_be_taken_back():
    full = np.ones((4, 4), bool)
    found, rejected = segment("the cup", full), segment("", None, size=(4, 4))
    sent = canvas._mask(1, found, "", Track(rejected, past=[rejected]))
    assert sent["colour"] == [86, 180, 233] and sent["name"] == "the cup" and not sent["rejected"]
    assert sent["undo"] and not sent["redo"] and sent["reset"] and sent["overridden"]
    absent = canvas._mask(0, rejected, "because", None)
    assert absent["rejected"] and absent["png"] is None and absent["name"] == "this" and absent["why"] == "because"
    assert not (absent["undo"] or absent["redo"] or absent["reset"] or absent["overridden"])
