import itertools

import pytest

from eval import numbers
from eval.metrics import Counts
from eval.protocols import WORLD


def row(name, intersection, union, present=(), absent=(), kind="kind", **more):
    drawn = any(present) or (not present and union > 0) or not all(absent)
    targets = len(present) + len(absent)
    return Counts(name, kind, intersection, union, not present, targets, present, absent, drawn, **more)


# Two references: the first with three sentences, the second with one; a false premise that is drawn all the same, one
# that is not; one that failed.
ROWS = [
    row("set/val/1/0/0", 50, 100, present=(True,)),
    row("set/val/1/1/0", 0, 60, present=(False,)),
    row("set/val/1/2/0", 0, 30, absent=(False,)),
    row("set/val/2/0/0", 90, 100, present=(True,), kind="b"),
    row("set/val/2/1/0", 0, 0, absent=(True,)),
    row("set/val/2/2/0", 0, 0, absent=(False,), failed=True),
]


def test_false_positives_add_to_the_union_or_not():
    assert numbers.GIOU.value(ROWS) == pytest.approx((0.5 + 0 + 0 + 0.9 + 1 + 0) / 6)
    assert numbers.CIOU.value(ROWS) == pytest.approx(140 / (100 + 60 + 30 + 100))
    assert numbers.GIOU_THERE.value(ROWS) == pytest.approx((0.5 + 0 + 0.9) / 3)
    assert numbers.CIOU_THERE.value(ROWS) == pytest.approx(140 / 260)


def test_what_is_told_rightly():
    assert numbers.N_ACC.value(ROWS) == pytest.approx(1 / 3)  # the failed one is not right
    assert numbers.T_ACC.value(ROWS) == pytest.approx(2 / 3)
    assert numbers.SEE.value(ROWS) == pytest.approx(3 / 6)


def test_a_mixed_question_counts_by_its_targets():
    mixed = [row("a/0", 5, 10, present=(True, False), absent=(True, True, False))]
    assert numbers.N_ACC.value(mixed) == pytest.approx(2 / 3)
    assert numbers.T_ACC.value(mixed) == pytest.approx(1 / 2)


def test_the_mean_over_references_weighs_each_the_same():
    # reference 1 has 0.5 and 0 among its true sentences, reference 2 has 0.9
    assert numbers.by_reference(numbers.GIOU_THERE, "mIoU").value(ROWS) == pytest.approx((0.25 + 0.9) / 2)
    assert numbers.by_reference(numbers.CIOU, "rIoU").value(ROWS) == pytest.approx((50 / 190 + 90 / 100) / 2)
    assert numbers.by_reference(numbers.N_ACC, "r").value(ROWS) == pytest.approx((0 + 1 / 2) / 2)


def test_the_worlds_numbers_of_a_few_questions_by_hand():
    rows = [
        row("1", 50, 100, present=(True,), matched=(0.5,)),
        row("2", 0, 40, present=(False,)),  # there, and rejected
        row("3", 0, 0, absent=(True,)),  # not there, and rejected
        row("4", 0, 60, absent=(False,), matched=(0.0,)),  # not there, and drawn all the same
        row("5", 90, 100, present=(True,), absent=(False,), matched=(0.95, 0.0)),  # mixed
        row("6", 0, 0, words=True),  # answered in words alone
        row("7", 0, 0, words=False),
    ]
    found = WORLD.summarise(rows)
    assert found["gIoU"] == pytest.approx((0.5 + 0 + 1 + 0 + 0.9) / 5)
    assert found["cIoU"] == pytest.approx((50 + 90) / (100 + 40 + 60 + 100))  # what is drawn of nothing adds its area
    assert found["N-acc"] == pytest.approx(1 / 3)  # 3 yes, 4 no, 5's absent target no
    assert found["T-acc"] == pytest.approx(2 / 3)  # 1 yes, 2 no, 5's present target yes
    assert found["Pr@0.5"] == pytest.approx(2 / 4)
    assert found["Pr@0.6"] == found["Pr@0.9"] == pytest.approx(1 / 4)
    assert found["words"] == 0.5


def test_several_targets_all_there_are_one_question():
    rows = [row("1", 10, 20, present=(True, False)), row("2", 0, 20, present=(False, False))]
    assert numbers.T_ACC.value(rows) == 0.5
    assert numbers.N_ACC.value(rows) is None


def test_classes_are_accumulated_before_the_mean():
    rows = [
        row("ade20k/validation/0/wall/0", 10, 20, present=(True,), kind="wall"),
        row("ade20k/validation/1/wall/0", 0, 20, present=(False,), kind="wall"),
        row("ade20k/validation/1/tree/0", 5, 10, present=(True,), kind="tree"),
    ]
    assert numbers.CLASS_IOU.value(rows) == pytest.approx((10 / 40 + 5 / 10) / 2)


def test_precision_by_question_and_by_mark():
    at = {number.name: number.value(ROWS) for number in numbers.precision()}
    assert at == pytest.approx({"Pr@0.5": 2 / 3, "Pr@0.6": 1 / 3, "Pr@0.7": 1 / 3, "Pr@0.8": 1 / 3, "Pr@0.9": 1 / 3})
    marks = [row("a/0", 1, 2, present=(True,), matched=(0.5, 0.0)), row("b/0", 1, 2, present=(True,), matched=(1.0,))]
    assert numbers.precision_of_marks((0.5,))[0].value(marks) == pytest.approx(2 / 3)


def test_matched_masks_and_those_too_many():
    rows = [row("a/0", 0, 0, present=(True, True), pairs=((5, 10), (0, 7))), row("b/0", 0, 0, pairs=((8, 8),))]
    assert numbers.MATCHED_GIOU.value(rows) == pytest.approx((0.5 + 0 + 1) / 3)
    assert numbers.MATCHED_CIOU.value(rows) == pytest.approx(13 / 25)


def test_nothing_to_count_is_none():
    assert numbers.GIOU.value([]) is None
    assert numbers.N_ACC.value(ROWS[:2]) is None
    assert numbers.WORDS.value(ROWS) is None
    assert numbers.CIOU.value([row("a/0", 0, 0, absent=(True,))]) is None


def test_any_order_gives_the_same_to_the_last_digit():
    rows = [row(f"set/val/{i}/0/0", i, 3 * i + 1, present=(True,)) for i in range(1, 8)]
    for number in (numbers.GIOU, numbers.CIOU, numbers.by_reference(numbers.GIOU, "mIoU")):
        assert len({number.value(order) for order in itertools.islice(itertools.permutations(rows), 300)}) == 1
