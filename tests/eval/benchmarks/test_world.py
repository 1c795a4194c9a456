import json
from dataclasses import replace

import numpy as np
import pytest

from data.world.world import World
from eval.benchmarks import world
from tests.eval.board import Reader

COUNT = 12


@pytest.fixture(scope="module")
def samples():
    drawn = World("val", COUNT)
    return [drawn.sample(index) for index in range(COUNT)]


def test_the_truth_scores_one_everywhere(samples):
    result = world.run(Reader(samples), "val", COUNT, quiet=True)
    overall = result.overall
    assert (overall.giou, overall.ciou) == (1.0, 1.0)
    assert overall.n_acc in (None, 1.0)
    assert overall.t_acc == 1.0
    assert overall.precision[0.9] == 1.0
    assert overall.questions + overall.worded == sum(len(sample.turns) for sample in samples) == len(result.records)
    values = json.loads(json.dumps(result.as_json()))
    assert (values["split"], values["scenes"], values["blind"]) == ("val", COUNT, False)
    assert "one_click" not in values


def test_rejecting_everything_finds_nothing(samples):
    reader = Reader(samples, lambda s: replace(s, mask=np.zeros_like(s.mask), rejected=True))
    result = world.run(reader, "val", COUNT, quiet=True)
    empty = [record for record in result.records if record.counts.targets and record.counts.empty]
    assert result.overall.t_acc == 0.0
    assert result.overall.giou == pytest.approx(len(empty) / result.overall.questions)
    assert result.overall.ciou == 0.0


def test_one_click_is_reported(samples):
    reader = Reader(samples, lambda s: s if s.rejected else replace(s, mask=~s.mask))
    result = world.run(reader, "val", COUNT, one_click=True, quiet=True)
    values = result.as_json()["one_click"]
    assert values["masks"] > 0
    assert values["before"] < 0.7
    assert f"on the {values['masks']} masks below 0.7" in result.text()
    perfect = world.run(Reader(samples), "val", COUNT, one_click=True, quiet=True)
    assert perfect.as_json()["one_click"] == {"masks": 0, "before": None, "after": None}
    assert "no mask is below 0.7" in perfect.text()


def test_an_unknown_split_is_refused(samples):
    with pytest.raises(ValueError, match="no split 'tset'"):
        world.run(Reader(samples), "tset", COUNT, quiet=True)
