from dataclasses import replace

import numpy as np
import pytest

from eval.intervals import differences, intervals
from eval.metrics import Counts
from eval.predictions import Prediction
from eval.protocols import CLASSES, GRES, REFERENCES, SESAME, WORLD
from eval.scoring import Scored


def scored(rng, pictures=12, shift=0.0):
    """Some questions a picture: references with sentences, a few of what is absent, three classes."""
    made = []
    for picture in range(pictures):
        for question in range(int(rng.integers(1, 4))):
            union = int(rng.integers(20, 90))
            inside = int(union * min(1.0, rng.random() + shift))
            empty = rng.random() < 0.3
            id = f"set/val/{picture}/{question}/0"
            kind = f"class {(picture + question) % 3}"
            drawn = empty or inside > 0
            marks = {"absent": (False,)} if empty else {"present": (drawn,), "matched": (inside / union,)}
            counts = Counts(id, kind, 0 if empty else inside, union, empty, 1, drawn=drawn, **marks)
            made.append(Scored(Prediction(id, f"picture {picture}", (9, 9), kind, "?", "!", ()), counts))
    return made


def by_hand(rows, protocol, draws, seed):
    """The numbers of each draw, by counting every question as often as its picture is drawn."""
    names = sorted({row.prediction.image for row in rows})
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    for one in times:
        again = []
        for name, count in zip(names, one, strict=True):
            for copy in range(count):
                # a picture that is drawn twice brings its references twice, and no new class
                mine = [row.counts for row in rows if row.prediction.image == name]
                again += [replace(c, id=c.id.replace("set/val/", f"set/val {copy}/")) for c in mine]
        yield protocol.summarise(again)


@pytest.mark.parametrize("protocol", [GRES, REFERENCES, SESAME, CLASSES, WORLD], ids=lambda p: p.name)
def test_intervals_are_those_of_every_question_counted_as_often_as_its_picture_is_drawn(protocol):
    rows = scored(np.random.default_rng(3))
    drawn = list(by_hand(rows, protocol, 60, 5))
    found = intervals(rows, protocol, draws=60, seed=5, level=0.9)
    assert set(found) == {number.name for number in protocol.numbers}
    for name, interval in found.items():
        values = [one[name] for one in drawn if one[name] is not None]
        if not values:
            assert interval is None
            continue
        assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])))


def test_the_interval_holds_the_number_and_narrows_with_more_pictures():
    few, many = (intervals(scored(np.random.default_rng(1), n), GRES)["gIoU"] for n in (20, 500))
    value = GRES.summarise(one.counts for one in scored(np.random.default_rng(1), 500))["gIoU"]
    assert many.low < value < many.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_any_order_gives_the_same_interval():
    rows = scored(np.random.default_rng(2))
    assert intervals(rows, GRES) == intervals(rows[::-1], GRES)


def test_the_same_answers_differ_in_nothing():
    rows = scored(np.random.default_rng(2))
    same = differences(rows, rows[::-1], GRES)["gIoU"]
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_a_clear_gain_is_told_from_chance():
    first = scored(np.random.default_rng(7), 80)
    better = scored(np.random.default_rng(7), 80, shift=0.3)
    gain = differences(first, better, GRES)["gIoU"]
    assert 0 < gain.low < gain.value < gain.high
    assert gain.p == pytest.approx(2 / 1001)  # no draw on the other side
    assert differences(better, first, GRES)["gIoU"].p == gain.p


def test_other_questions_are_refused():
    rows = scored(np.random.default_rng(2))
    with pytest.raises(ValueError, match=r"do not answer the same questions: set/val/\d+/\d/0 \(picture picture"):
        differences(rows, rows[1:], GRES)
