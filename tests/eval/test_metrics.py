import itertools

import numpy as np
import pytest

from eval.metrics import Counts, by_kind, match, overlap, same_words, summarise, united
from tests.eval.board import SIZE, box


def row(name, intersection, union, present=(), absent=(), matched=(), kind="kind", words=None):
    targets = len(present) + len(absent)
    return Counts(name, kind, intersection, union, not present, targets, present, absent, matched, words)


def test_overlap_counts_pixels():
    # 4 x 4 against 4 x 4, shifted by two each way: 2 x 2 in common, 16 + 16 - 4 together
    assert overlap(box(0, 0, 4, 4), box(2, 2, 6, 6)) == (4, 28)
    assert overlap(box(0, 0, 4, 4), box(5, 5, 6, 6)) == (0, 17)


def test_void_pixels_count_in_neither():
    void = box(0, 0, 10, 3)  # hides columns 0 to 2
    # common 2 x 2 at rows 2-3, columns 2-3: column 2 goes; together without columns 0-2: 4 + (4 * 3) - 2
    assert overlap(box(0, 0, 4, 4), box(2, 2, 6, 6), void) == (2, 14)
    assert overlap(box(0, 0, 4, 3), box(0, 0, 2, 2), void) == (0, 0)


def test_the_union_of_masks():
    assert united([box(0, 0, 2, 2), box(1, 1, 3, 3)], SIZE).sum() == 7
    assert united([], SIZE).shape == SIZE
    assert not united([], SIZE).any()


def test_an_empty_truth_scores_one_only_if_nothing_is_drawn():
    assert row("a", 0, 0, absent=(True,)).iou == 1
    assert row("a", 0, 5, absent=(False,)).iou == 0


def test_matching_finds_the_best_sum_of_any_assignment():
    rng = np.random.default_rng(5)
    for mine, theirs in ((3, 3), (2, 4), (4, 2)):
        given = [rng.random(SIZE) < 0.5 for _ in range(mine)]
        true = [rng.random(SIZE) < 0.5 for _ in range(theirs)]
        table = [[(g & t).sum() / (g | t).sum() for t in true] for g in given]
        if mine <= theirs:
            best = max(sum(table[i][j] for i, j in enumerate(p)) for p in itertools.permutations(range(theirs), mine))
        else:
            best = max(sum(table[i][j] for j, i in enumerate(p)) for p in itertools.permutations(range(mine), theirs))
        pairs = match(given, true)
        assert len(pairs) == min(mine, theirs)
        assert sum(iou for *_, iou in pairs) == pytest.approx(best)
        assert all(iou == pytest.approx(table[i][j]) for i, j, iou in pairs)


def test_nothing_matches_nothing():
    assert match([], [box(0, 0, 1, 1)]) == match([box(0, 0, 1, 1)], []) == []


def test_the_summary_of_a_few_questions_by_hand():
    rows = [
        row("1", 50, 100, present=(True,), matched=(0.5,)),
        row("2", 0, 40, present=(False,)),  # there, and rejected
        row("3", 0, 0, absent=(True,)),  # not there, and rejected
        row("4", 0, 60, absent=(False,), matched=(0.0,)),  # not there, and drawn all the same
        row("5", 90, 100, present=(True,), absent=(False,), matched=(0.95, 0.0)),  # mixed
    ]
    total = summarise(rows)
    assert total.questions == 5
    assert total.giou == pytest.approx((0.5 + 0 + 1 + 0 + 0.9) / 5)
    assert total.ciou == pytest.approx((50 + 90) / (100 + 40 + 60 + 100))  # what is drawn of nothing adds its area
    assert total.n_acc == pytest.approx(1 / 3)  # 3 yes, 4 no, 5's absent target no
    assert total.t_acc == pytest.approx(2 / 3)  # 1 yes, 2 no, 5's present target yes
    assert total.precision[0.5] == pytest.approx(2 / 4)
    assert total.precision[0.6] == total.precision[0.9] == pytest.approx(1 / 4)
    assert total.worded == 0
    assert total.words is None


def test_several_targets_all_there_are_one_question():
    total = summarise([row("1", 10, 20, present=(True, False)), row("2", 0, 20, present=(False, False))])
    assert total.t_acc == 0.5
    assert total.n_acc is None


def test_questions_in_words_stand_apart():
    rows = [row("1", 5, 10, present=(True,)), row("2", 0, 0, words=True), row("3", 0, 0, words=False)]
    total = summarise(rows)
    assert (total.questions, total.giou, total.ciou) == (1, 0.5, 0.5)
    assert (total.worded, total.words) == (2, 0.5)


def test_no_questions_give_no_numbers():
    total = summarise([])
    assert (total.giou, total.ciou, total.n_acc, total.t_acc, total.words) == (None,) * 5
    assert set(total.precision.values()) == {None}


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(1)
    rows = [
        row(f"{i:03d}", int(a), int(a + b), present=(True,)) for i, (a, b) in enumerate(rng.integers(1, 9, (50, 2)))
    ]
    assert summarise(rows) == summarise(rows[::-1])


def test_by_kind_each_kind_is_summed_up_alone():
    rows = [row("1", 1, 2, present=(True,), kind="b"), row("2", 1, 4, present=(True,), kind="a")]
    kinds = by_kind(rows)
    assert list(kinds) == ["a", "b"]
    assert (kinds["a"].giou, kinds["b"].giou) == (0.25, 0.5)


def test_words_agree_but_for_case_and_punctuation():
    assert same_words("There are three chairs.", "there are  three chairs")
    assert not same_words("There are two chairs.", "There are three chairs.")
    assert not same_words("", "There are three chairs.")
