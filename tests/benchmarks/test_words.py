"""A words-only model finds a leak where there is one, and nothing where there is none."""

import random

from benchmarks import words
from data.world.world import World


def made(leak, seed, count=2000):
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        absent = rng.random() < 0.3
        slots = [rng.randrange(words.SLOTS) for _ in range(3)] + [rng.randrange(40)]
        rows.append((slots + [99] if leak and absent and rng.random() < 0.8 else slots, absent))
    return rows


def test_a_planted_leak_is_found():
    found = words.told(words.fit(made(True, 0)), made(True, 1))
    assert found.auc > 0.85 and found.accuracy > found.base + 0.1


def test_nothing_is_found_where_nothing_is():
    found = words.told(words.fit(made(False, 0)), made(False, 1))
    assert abs(found.auc - 0.5) < 5 * found.sigma and found.accuracy < found.base + 0.02


def test_every_question_that_may_ask_for_what_is_absent_is_an_example():
    world = World("val", 12)
    rows = list(words.examples(world, 0))
    turns = [turn for index in range(12) for turn in world.sample(index).turns if turn.kind not in words.NEVER_ABSENT]
    assert [absent for _, absent in rows] == [turn.targets[0].absent for turn in turns if turn.targets]
    assert all(0 <= slot < words.SLOTS for slots, _ in rows for slot in slots)
