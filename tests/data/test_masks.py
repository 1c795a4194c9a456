import numpy as np
import pytest

from data import masks
from data.notices import Notice, noticing


def test_counts_run_down_the_columns():
    mask = np.array([[0, 1, 1], [0, 1, 0]], dtype=bool)  # columns: 00 11 10, so 2 outside, 3 inside, 1 outside
    made = masks.encode(mask)
    assert made == {"size": [2, 3], "counts": "231"}  # each below 16: one character, its value + 48
    assert np.array_equal(masks.decode({"size": [2, 3], "counts": [2, 3, 1]}), mask)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (37, 61), (200, 300)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_mask_comes_back_and_its_area_is_counted(size, share):
    mask = np.random.default_rng(0).random(size) < share
    made = masks.encode(mask)
    assert isinstance(made["counts"], str) and made["size"] == list(size)
    again = masks.decode(made)
    assert again.dtype == bool and np.array_equal(again, mask)
    assert masks.area(made) == mask.sum()


def test_bytes_and_columns_in_either_memory_order_are_taken():
    mask = np.random.default_rng(1).random((9, 7)) < 0.5
    made = masks.encode(np.asfortranarray(mask))
    assert made == masks.encode(mask)
    assert np.array_equal(masks.decode({"size": [9, 7], "counts": made["counts"].encode()}), mask)


@pytest.mark.parametrize(
    "rle",
    [
        {"size": [2, 3]},
        {"counts": "231"},
        {"size": [2, 3], "counts": None},
        {"size": [2, 3], "counts": "é"},
        {"size": [2, 3], "counts": [2, 3, 50]},
        {"size": [2, 3], "counts": [2.5, 3.5]},
        {"size": [2, 3], "counts": ["2", "4"]},
        {"size": None, "counts": "231"},
        {"size": [2, 3], "counts": "23"},
        {"size": [2, 3], "counts": [2, 3]},
        {"size": [2, 3], "counts": "23111"},
        {"size": [2, 3], "counts": []},
    ],
)
def test_what_is_no_mask_is_one_line(rle):
    with pytest.raises(ValueError, match="not a COCO run-length mask") as caught:
        masks.decode(rle)
    assert "\n" not in str(caught.value)


def test_a_polygon_that_leaves_the_picture_is_noticed_and_cut_off():
    square = [2, 2, 6, 2, 6, 6, 2, 6]
    with noticing() as noticed:
        masks.from_polygons([square, [0, 0, 10.9, 0, 10.9, 8, 0, 8]], (8, 10), "here")
        assert noticed == []
        over = masks.from_polygons([[4, 2, 15, 2, 15, 6, 4, 6]], (8, 10), "there")
    assert noticed == [Notice("polygon outside", "there: a polygon reaches 5 pixels out of the picture of 10 x 8")]
    assert masks.area(over) == 6 * 4
    masks.from_polygons([[4, 2, 15, 2, 15, 6, 4, 6]], (8, 10), "there")  # nobody listens
    assert len(noticed) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2e9, -2e9, "3", True])
def test_a_coordinate_that_is_no_place_is_refused_before_it_is_drawn(value):
    with pytest.raises(ValueError, match=r"here: a polygon (has a point that is no place|is no list of numbers)"):
        masks.from_polygons([[0, 0, 5, 0, value, 5]], (8, 10), "here")
