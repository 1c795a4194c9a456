import itertools

import numpy as np
import pytest

from eval.metrics import Counts, match, overlap, same_words, united
from tests.eval.board import SIZE, box


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
    assert Counts("a", "kind", 0, 0, True, 1, absent=(True,)).iou == 1
    assert Counts("a", "kind", 0, 5, True, 1, absent=(False,)).iou == 0
    assert Counts("a", "kind", 0, 0, True, 1, absent=(False,), failed=True).iou == 0


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


def test_a_question_is_judged_as_a_whole_unless_it_asks_for_both():
    there = Counts("a", "kind", 4, 8, False, 2, present=(False, False), drawn=True)
    assert (there.found, there.rejected) == ((True,), ())
    absent = Counts("a", "kind", 0, 8, True, 2, absent=(True, True), drawn=True)
    assert (absent.found, absent.rejected) == ((), (False,))
    both = Counts("a", "kind", 4, 8, False, 3, present=(True, False), absent=(True,), drawn=True)
    assert (both.found, both.rejected) == ((True, False), (True,))


def test_words_agree_but_for_case_and_punctuation():
    assert same_words("There are three chairs.", "there are  three chairs")
    assert not same_words("There are two chairs.", "There are three chairs.")
    assert not same_words("", "There are three chairs.")
