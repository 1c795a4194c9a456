"""The runs: each once, and every published preset among them."""

from itertools import chain, combinations

import pytest

from benchmarks.paradigms.plan import BY_NAME, CHANNELS, QUESTIONS, RUNS, Job, jobs
from model import config
from model.policy import Options


def test_no_two_runs_are_the_same():
    assert len(BY_NAME) == len(RUNS)
    told = {(run.channels, run.layer, run.reward, run.after, run.reinforced) for run in RUNS}
    assert len(told) == len(RUNS)


def test_every_set_of_channels_speaks_from_the_last_layer_once():
    sets = chain.from_iterable(combinations(CHANNELS, count) for count in (1, 2, 3))
    assert sorted(run.channels for run in RUNS if run.layer == Options() and run.after is None) == sorted(sets)


@pytest.mark.parametrize(
    ("preset", "run"),
    [("lisa", "embedding"), ("gsva", "embedding"), ("read", "embedding-points"), ("pinpoint", "all"),
     ("uground", "uground")],
)  # fmt: skip
def test_a_run_has_the_channels_and_the_policy_of_each_published_preset(preset, run):
    told = config.preset(preset)
    assert (tuple(told.channels), told.layer) == (BY_NAME[run].channels, BY_NAME[run].layer)


def test_what_a_run_names_is_there_and_comes_before_it():
    names = [run.name for run in RUNS]
    for place, run in enumerate(RUNS):
        assert run.question in QUESTIONS
        assert run.after is None or run.after in names[:place]
        assert run.against in names
        if run.after is not None:
            assert (run.channels, run.layer) == (BY_NAME[run.after].channels, BY_NAME[run.after].layer)


def test_learned_policies_are_evaluated_in_every_way_that_they_have():
    assert BY_NAME["group"].uses == BY_NAME["sampled-ema"].uses == ("likely", "best", "last")
    assert BY_NAME["soft"].uses == ("likely", "last")
    assert BY_NAME["all"].uses == BY_NAME["fixed"].uses == (None,)


def test_one_seed_is_done_before_the_next():
    made = jobs(["mask", "all-grpo"], [3, 0, 3])
    assert [job.name for job in made] == ["mask-3", "all-grpo-3", "mask-0", "all-grpo-0"]
    assert made[1].after == Job(BY_NAME["all"], 3) and made[0].after is None


def test_an_unknown_run_is_named_with_the_near_one():
    with pytest.raises(ValueError, match="no run 'group-gpro': did you mean 'group-grpo'"):
        jobs(["group-gpro"], [0])
