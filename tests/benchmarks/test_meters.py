"""What is counted and measured is what happens."""

import itertools
import time

import numpy as np
import torch

from benchmarks import meters
from benchmarks.harness import Spread, alternate
from model.predictor import Predictor
from tests import tiny

CPU = torch.device("cpu")


def test_ways_take_turns_and_warm_up_once():
    order = []

    def way(name: str) -> None:
        order.append(name)
        time.sleep(0.06)

    first, second = alternate([lambda: way("a"), lambda: way("b")], repeats=3)
    assert order == ["a", "b"] * 4
    assert first.runs == second.runs == 3 and 0 <= first.low <= first.median <= first.high


def test_what_is_over_soon_is_done_several_times_in_a_run():
    done = []
    (spread,) = alternate([lambda: (done.append(1), time.sleep(0.01))], repeats=2)
    assert 1 + 2 * 2 <= len(done) <= 1 + 2 * 5
    assert spread.runs == 2 and 0.01 <= spread.low < 0.02


def test_a_spread_is_median_and_extremes():
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0, 3)


def test_passes_and_positions_of_two_questions_on_one_picture():
    model = tiny.model()
    predictor = Predictor(model)
    predictor.set_image(np.zeros((64, 64, 3), np.uint8))
    with meters.counted(model) as calls:
        texts = [predictor.ask(question, max_new_tokens=1) for question in ("Where?", "What is that?")]
    prefix = model.backbone.encode_chat([("Where?", None)]).prefix
    first, second = (model.backbone.encode_chat([(text.question, None)]).ids[prefix:].tolist() for text in texts)
    pairs = zip(first, second, strict=False)
    begun = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))  # kept from the first question
    assert 0 < begun < len(second)
    assert calls.passes["vision tower"] == 1 and calls.passes["SAM encoder"] <= 1
    assert calls.positions == prefix + len(first) + len(second) - begun


def test_time_inside_the_networks_is_part_of_the_whole():
    model = tiny.model()
    predictor = Predictor(model)
    predictor.set_image(np.zeros((64, 64, 3), np.uint8))
    with meters.timed(model, CPU) as spent:
        answer = predictor.ask("Where?", max_new_tokens=3)
    assert {"vision tower", "projector", "language model", "lm_head"} <= set(spent)
    assert 0 < sum(spent.values()) <= answer.timings["total"]


def test_peak_of_tensors_counts_what_stands_together():
    def run():
        kept = torch.ones(1000, 1000)  # 4 MB
        for _ in range(3):
            torch.ones(500, 1000)  # 2 MB, let go of each time
        return kept + 1  # 4 MB

    assert 8e6 <= meters.peak_allocated(run, CPU) < 8.1e6


def test_resident_peak_counts_what_was_let_go_of():
    found = meters.peak_resident(lambda: torch.ones(50_000_000).sum())
    assert found is None or found[0] - found[1] > 150e6
