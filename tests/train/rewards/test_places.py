"""Rewards of boxes and points against values worked out by hand and by trying all pairs."""

import itertools

import numpy as np
import pytest

from data import masks
from data.geometry import Frame
from data.sample import Target, Turn
from train.rewards import _places, box_iou, box_l1, points_inside, points_near
from train.rewards.base import Answered, Mark

WHOLE = np.ones((84, 84), bool)  # a picture of a tenth of the side that distances are measured at


def drawn(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """Pixels from ``left`` to ``right`` and from ``top`` to ``bottom``, the last ones included."""
    made = np.zeros((84, 84), bool)
    made[top : bottom + 1, left : right + 1] = True
    return made


def placed(*box: float, points: tuple[tuple[float, float], ...] = ()) -> Mark:
    return Mark("", WHOLE, tuple(box) or None, points)


def answered(truth: dict[str, np.ndarray | None], *marks: Mark) -> Answered:
    targets = tuple(Target(name, None if part is None else masks.encode(part)) for name, part in truth.items())
    return Answered(Turn("?", "", targets, "colour"), "", "end", marks, tuple(truth.values()))


CUP, LAMP = drawn(10, 10, 29, 29), drawn(50, 40, 69, 79)


def test_a_box_is_right_above_half_of_the_union():
    # The cup is 20 x 20, from edge 9.5 to 29.5. A box 13 wide has 260 of 400, 10 wide has 200: not more than half.
    assert box_iou.reward(answered({"cup": CUP}, placed(9.5, 9.5, 22.5, 29.5))) == 1
    assert box_iou.reward(answered({"cup": CUP}, placed(9.5, 9.5, 19.5, 29.5))) == 0
    assert box_iou.reward(answered({"cup": CUP}, placed(50, 50, 60, 60))) == 0


@pytest.mark.parametrize(("off", "right"), [(0.0, 1.0), (0.99, 1.0), (1.01, 0.0), (-0.99, 1.0)])
def test_a_box_lies_right_if_its_sides_are_less_than_ten_pixels_of_840_away(off, right):
    # A pixel here is ten of 840.
    assert box_l1.reward(answered({"cup": CUP}, placed(*(9.5 + off, 9.5 + off, 29.5 + off, 29.5 + off)))) == right
    assert box_l1.reward(answered({"cup": CUP}, placed(9.5 + 4 * off, 9.5, 29.5, 29.5))) == right  # on the average


def test_distances_are_of_the_stretched_picture():
    wide = np.zeros((84, 840), bool)
    wide[10:30, 100:300] = True
    one = Answered(Turn("?", "", (Target("c", masks.encode(wide)),), "c"), "", "end", (), (wide,))
    for off, right in (((9.9, 0.99), 1), ((10.1, 1.01), 0)):
        box = (99.5 + off[0], 9.5 + off[1], 299.5 + off[0], 29.5 + off[1])
        assert box_l1.reward(Answered(one.turn, "", "end", (Mark("", wide, box),), (wide,))) == right


def test_pairs_are_those_with_the_largest_sum():
    cup, lamp = placed(9.5, 9.5, 29.5, 29.5), placed(49.5, 39.5, 69.5, 79.5)
    both = {"cup": CUP, "lamp": LAMP}
    assert box_iou.reward(answered(both, lamp, cup)) == box_l1.reward(answered(both, lamp, cup)) == 1
    assert box_iou.reward(answered(both, cup)) == 0.5
    assert box_iou.reward(answered(both, cup, lamp, cup)) == pytest.approx(2 / 3)
    assert box_iou.reward(answered(both, cup, cup)) == 0.5


def test_whatever_the_boxes_the_sum_is_that_of_the_best_of_all_pairings():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        lows = rng.integers(0, 40, (3, 2))
        there = [drawn(*low, *(low + rng.integers(5, 40, 2))) for low in lows]
        given = []
        for mask in [there[i] for i in rng.permutation(3)[: rng.integers(1, 4)]]:
            rows, columns = np.nonzero(mask)
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) - 0.5 + rng.normal(0, 1.5, 4)
            given.append(placed(*np.concatenate([np.minimum(box[:2], box[2:] - 1), box[2:]]), points=((30, 30),)))
        one = answered({str(i): mask for i, mask in enumerate(there)}, *given)
        got = _places.matched(one)
        frame = Frame.stretch((84, 84), (840, 840))
        table = np.zeros((len(given), 3))
        for (i, mark), (j, mask) in itertools.product(enumerate(given), enumerate(there)):
            alone = _places.matched(answered({"x": mask}, mark))
            table[i, j] = alone.iou[0] + alone.l1[0] + alone.near[0]
            ys, xs = np.nonzero(mask)
            true = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) * 10
            mine = (np.array(mark.box) + 0.5) * 10
            assert alone.l1[0] == float(np.abs(mine - true).mean() < 10)
            assert np.allclose(_places.box_of(mask, frame), true - 0.5)
        orders = itertools.permutations(range(3), len(given))
        best = max(sum(table[i, j] for i, j in enumerate(order)) for order in orders)
        assert sum(got.iou) + sum(got.l1) + sum(got.near) == best
        seen.add(best)
    assert len(seen) > 4


def test_one_point_lies_in_its_box_and_near_the_middle():
    box = (9.5, 9.5, 29.5, 29.5)
    # The cup's deepest pixels are four in its middle; the first of them is (19, 19). 30 of 840 are 3 here.
    for point, right in (((19, 19), 1), ((21.9, 19), 1), ((22.1, 19), 0), ((19, 16.2), 1), ((11, 11), 0)):
        assert points_near.reward(answered({"cup": CUP}, placed(*box, points=(point,)))) == right
    assert points_near.reward(answered({"cup": CUP}, placed(25, 9, 29, 29, points=((19, 19),)))) == 0  # not in its box
    assert points_near.reward(answered({"cup": CUP}, placed(*box))) == 0
    assert points_near.reward(answered({"cup": CUP}, placed(points=((19, 19),)))) == 0  # there is no box


def test_of_two_points_the_better_order_counts():
    first, second = _places.centres_of(LAMP).tolist()
    box = (49.5, 39.5, 69.5, 79.5)
    for points in ((first, second), (second, first)):
        assert points_near.reward(answered({"lamp": LAMP}, placed(*box, points=tuple(map(tuple, points))))) == 1
    # Both 15 from their own, 150 of 840: too far; one 15 away and one right: 75 on the average.
    away = [first[0], first[1] + (15 if first[1] < 60 else -15)]
    other = [second[0], second[1] + (15 if second[1] < 60 else -15)]
    assert points_near.reward(answered({"lamp": LAMP}, placed(*box, points=(tuple(away), tuple(second))))) == 1
    crossed = min(np.hypot(*np.subtract(away, second)), 99) + min(np.hypot(*np.subtract(other, first)), 99)
    wanted = float(min(15, crossed / 2) < 10)
    assert points_near.reward(answered({"lamp": LAMP}, placed(*box, points=(tuple(away), tuple(other))))) == wanted


def test_the_middle_of_a_mask_is_its_deepest_pixel():
    mask = drawn(10, 10, 30, 30) | drawn(50, 50, 60, 60)
    first, second = _places.centres_of(mask).tolist()
    assert first == [20, 20]  # the centre of 21 x 21
    rows, columns = np.nonzero(mask)
    away = np.hypot(rows - 20, columns - 20)
    far = [(x, y) for x, y, d in zip(columns, rows, away, strict=True) if d > np.median(away)]
    outside = np.argwhere(~mask)
    depth = {(x, y): np.hypot(outside[:, 0] - y, outside[:, 1] - x).min() for x, y in far}
    assert depth[tuple(second)] == max(depth.values())
    one = np.zeros((5, 5), bool)
    one[2, 3] = True
    assert _places.centres_of(one).tolist() == [[3, 2], [3, 2]]


def test_points_inside_are_counted_on_the_mask():
    ring = drawn(10, 10, 29, 29) & ~drawn(15, 15, 24, 24)
    mark = placed(9.5, 9.5, 29.5, 29.5, points=((12, 12), (20, 20), (29.4, 12), (29.6, 12)))
    assert points_inside.reward(answered({"ring": ring}, mark)) == 0.5
    assert points_inside.reward(answered({"ring": ring}, placed(1, 1, 2, 2))) == 0
    cup, lamp = placed(points=((12, 12),)), placed(points=((55, 55),))
    assert points_inside.reward(answered({"cup": CUP, "lamp": LAMP}, lamp, cup)) == 1
    assert points_inside.reward(answered({"cup": CUP, "lamp": LAMP}, lamp, lamp)) == 0.5


@pytest.mark.parametrize("reward", [box_iou.reward, box_l1.reward, points_near.reward, points_inside.reward])
def test_what_is_not_there_is_rejected_and_nothing_is_nothing(reward):
    cup = placed(9.5, 9.5, 29.5, 29.5, points=((19, 19),))
    assert reward(answered({})) == 1 and reward(answered({}, cup)) == 0
    assert reward(answered({"key": None}, Mark("", None))) == 1 and reward(answered({"key": None}, cup)) == 0
    assert reward(answered({"cup": CUP}, Mark("cup", None))) == 0
    assert reward(answered({"cup": CUP, "key": None}, cup, Mark("key", None))) == 1
    assert reward(answered({"cup": np.zeros((84, 84), bool)}, cup)) == 0
