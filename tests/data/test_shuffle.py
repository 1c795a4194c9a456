"""Permutations without a list, and sources dealt out by weight."""

from collections import Counter
from itertools import pairwise

import pytest

from data.shuffle import CYCLE, Deal, permuted, quotas


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16, 17, 100, 1000, 4097])
def test_every_place_comes_once(count):
    assert sorted(permuted(i, count, "key") for i in range(count)) == list(range(count))


def test_another_key_gives_another_order_that_looks_like_chance():
    one, two = ([permuted(i, 1000, key) for i in range(1000)] for key in ("a", "b"))
    assert one != two
    assert sum(a == b for a, b in zip(one, two, strict=True)) < 12  # 1 on the average
    assert sum(b == a + 1 for a, b in pairwise(one)) < 12
    assert abs(sum(one[:100]) / 100 - 499.5) < 100  # 3.5 standard errors


def test_a_large_count_needs_no_list():
    assert len({permuted(i, 10**12, "key") for i in range(100)}) == 100


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((1,), (1000,)), ((3, 1), (750, 250)), ((1, 1, 1), (334, 333, 333)), ((1e-9, 1), (1, 999))],
)
def test_quotas(weights, expected):
    assert quotas(weights) == expected


@pytest.mark.parametrize("weights", [(), (0, 1), (-1, 2), (float("nan"),), (float("inf"), 1), (1,) * 1001])
def test_weights_that_cannot_be(weights):
    with pytest.raises(ValueError, match=r"weights must be above 0|has between 1 and"):
        quotas(weights)


def test_sources_come_up_by_weight_and_their_visits_are_counted():
    deal, seen = Deal((3, 1), seed=5), Counter()
    for position in range(3 * CYCLE):
        source, rank = deal[position]
        assert rank == seen[source]
        seen[source] += 1
    assert seen == {0: 2250, 1: 750}
    jumped = Deal((3, 1), seed=5)
    assert [jumped[p] for p in (2999, 0, 1500)] == [deal[p] for p in (2999, 0, 1500)]
    assert [Deal((3, 1), seed=6)[p][0] for p in range(50)] != [deal[p][0] for p in range(50)]
