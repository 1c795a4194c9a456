from dataclasses import replace

import numpy as np
import pytest

from data.world.world import World
from eval.benchmarks import find
from eval.run import Way, ask
from tests.eval.board import Reader

COUNT = 12
WORLD = find("world")


@pytest.fixture(scope="module")
def samples():
    questions = WORLD.open(None, "val", COUNT)
    return [sample for index in range(len(questions)) for sample in questions.samples(index, WORLD.protocol())]


def rows(samples, reader, **changes):
    """Counts and clicks of what the reader answers."""
    asked = [one for batch in ask(reader, samples, Way(WORLD.protocol(), **changes)) for one in batch]
    return [one.counts for one in asked], [pair for one in asked for pair in one.corrected]


def test_its_conversations_are_those_of_the_evaluation_mix(samples):
    drawn = World("val", COUNT)
    assert [sample.turns for sample in samples] == [drawn.sample(index).turns for index in range(COUNT)]
    assert [sample.image for sample in samples] == [f"val-{index:06d}" for index in range(COUNT)]


def test_the_truth_scores_one_everywhere(samples):
    counts, _ = rows(samples, Reader(samples))
    assert len(counts) == sum(len(sample.turns) for sample in samples)
    numbers = WORLD.protocol().summarise(counts)
    assert set(numbers.values()) <= {None, 1.0}
    assert (numbers["gIoU"], numbers["cIoU"], numbers["T-acc"]) == (1.0, 1.0, 1.0)


def test_rejecting_everything_finds_nothing(samples):
    counts, _ = rows(samples, Reader(samples, lambda s: replace(s, mask=np.zeros_like(s.mask), rejected=True)))
    numbers = WORLD.protocol().summarise(counts)
    asked = [row for row in counts if row.targets]
    assert (numbers["T-acc"], numbers["cIoU"]) == (0.0, 0.0)
    assert numbers["gIoU"] == pytest.approx(sum(row.empty for row in asked) / len(asked))


def test_one_click_is_given_to_poor_masks_alone(samples):
    _, clicks = rows(samples, Reader(samples, lambda s: s if s.rejected else replace(s, mask=~s.mask)), click=True)
    assert clicks
    assert all(pair.before < 0.7 for pair in clicks)
    assert rows(samples, Reader(samples), click=True)[1] == []


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="no split 'tset'"):
        WORLD.open(None, "tset", COUNT)


def test_another_systems_words_are_refused():
    assert WORLD.protocol("pinpoint@pinpoint") == WORLD.protocol()
    with pytest.raises(ValueError, match="world asks in words of its own: name pinpoint without @lisa"):
        WORLD.protocol("pinpoint@lisa")
