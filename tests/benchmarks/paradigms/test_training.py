"""Starts that differ in nothing but what is compared, and recipes in proportion."""

import json
import subprocess
import sys

import pytest
import torch
import yaml

from benchmarks.paradigms import training
from benchmarks.paradigms.plan import BY_NAME, Job
from benchmarks.paradigms.training import Settings
from data.settings import build
from model.grounding import GroundingModel
from model.policy import Options
from tests import tiny
from train import launch, recipe
from train.features import FeatureCache
from train.objectives import grounding


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    """The common start and segmenter."""
    folder = tmp_path_factory.mktemp("common")
    tiny.model().save_pretrained(folder / "start")
    tiny.model(seed=1).save_pretrained(folder / "segmenter")
    return Settings(str(folder / "start"), str(folder / "segmenter"), 130, 16, 30, 8)


def begun(name, common, out, seed=0):
    return GroundingModel.from_pretrained(training.start(Job(BY_NAME[name], seed), common, out))


def test_runs_of_a_seed_share_all_weights_that_they_both_have(common, tmp_path):
    tensors = {name: begun(name, common, tmp_path).state_dict() for name in ("embedding", "all", "sampled-critic")}
    held = GroundingModel.from_pretrained(common.start).state_dict()
    for name, weights in tensors.items():
        alike = weights.keys() & tensors["all"].keys()
        assert all(torch.equal(weights[key], tensors["all"][key]) for key in alike), name
        assert all(torch.equal(weights[key], held[key]) for key in held if key.startswith(("backbone", "segmenter")))
    other = begun("all", common, tmp_path, seed=1).state_dict()
    new = [key for key in other if not torch.equal(other[key], tensors["all"][key])]
    assert new and all(key.startswith("channels.") for key in new)
    assert not torch.equal(held[new[0]], tensors["all"][new[0]])


def test_a_start_has_the_channels_and_the_policy_of_its_run(common, tmp_path):
    assert list(begun("points-mask", common, tmp_path).channels) == ["points", "mask"]
    assert begun("points", common, tmp_path).config.channels == {"points": {"factor": 1, "keep": 8}}
    assert begun("fixed", common, tmp_path).config.layer == Options(policy="fixed", index=1)  # of 0, 1 and 2
    group = begun("group-lean", common, tmp_path)
    assert group.config.layer == Options(policy="group", lean=3.0)
    assert group.policy.weight.shape == (3, 32) and not group.policy.weight.any()


def test_a_start_without_the_channel_is_refused(common, tmp_path):
    tiny.model(channels={"embedding": {}}).save_pretrained(tmp_path / "poor")
    poor = Settings(str(tmp_path / "poor"), common.segmenter, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="no channel 'mask', which the run mask needs"):
        training.start(Job(BY_NAME["mask"], 0), poor, tmp_path)


def test_a_recipe_is_that_of_instruction_tuning_in_proportion(common, tmp_path):
    made = training.make(Job(BY_NAME["all"], 4), common, tmp_path)
    shipped = recipe.load("tiny/instruct")
    assert (made.steps, made.warmup, made.decay, made.batch, made.seed) == (
        130,
        10,
        90,
        16,
        4,
    )  # a fifth of 650, 50, 450
    assert (made.train, made.lora, made.first) == (shipped.train, shipped.lora, shipped.first)
    assert made.options == {**shipped.options, "features": str(tmp_path / "features"), "reward": "iou"}
    other = training.make(Job(BY_NAME["group-estimate"], 4), common, tmp_path)
    assert other.train == {**shipped.train, training.POLICY: 1e-3} and other.options["reward"] == "estimate"
    assert training.CHANNELS not in training.make(Job(BY_NAME["points-mask"], 4), common, tmp_path).train


def test_what_goes_on_does_so_from_the_trained_model_on_the_same_pictures(common, tmp_path):
    for name in ("all", "group"):
        begun(name, common, tmp_path).save_pretrained(tmp_path / "runs" / f"{name}-0" / "model")
    for after, learned in (("all", {"lora_": 5e-4}), ("group", {"lora_": 5e-4, training.POLICY: 1e-3})):
        grpo, more = (training.make(Job(BY_NAME[f"{after}-{kind}"], 0), common, tmp_path) for kind in ("grpo", "more"))
        assert grpo.init == more.init == str(tmp_path / "runs" / f"{after}-0" / "model")
        assert grpo.first == more.first == 20000000 and grpo.steps == more.steps == 30 and grpo.batch == more.batch == 8
        assert (grpo.objective, more.objective) == ("grpo", "grounding")
        assert grpo.train == learned and "layer" not in grpo.options and not grpo.take and not more.take
        assert (grpo.warmup, more.warmup, more.decay) == (1, 2, 21)  # 5 of 120; 50 and 450 of 650


@pytest.mark.parametrize("name", ["points", "group-estimate", "all-grpo"])
def test_a_recipe_passes_every_check_before_a_run(name, common, tmp_path):
    begun("all", common, tmp_path).save_pretrained(tmp_path / "runs" / "all-0" / "model")
    path = tmp_path / "recipe.yaml"
    made = training.make(Job(BY_NAME[name], 0), common, tmp_path)
    path.write_text(yaml.safe_dump(json.loads(json.dumps(made, default=vars))))
    assert recipe.load(str(path)) == made
    launch.check(made)


def test_all_that_a_run_will_encode_is_kept_before(common, tmp_path):
    short = Settings(common.start, common.segmenter, 2, 5, 1, 1)
    made = training.make(Job(BY_NAME["all"], 0), short, tmp_path)
    training.fill(made, tmp_path)
    segmenter = GroundingModel.from_pretrained(common.segmenter).segmenter
    cache = FeatureCache(tmp_path / "features", 10**9, segmenter.encoder)
    model = GroundingModel.from_pretrained(common.start)
    options = build(grounding.Options, {**made.options, "conversations": 2}, "options")
    data = grounding.dataset(model, options, made.first, 10)
    for begin in (0, 5):
        batch = grounding.collate(model, [data[index] for index in range(begin, begin + 5)])
        kept = [cache.get(name) is not None for name in batch.pictures]
        assert kept == [True] * 4 + [False]
    held = sorted((tmp_path / "features").rglob("*.safetensors"))
    assert len(held) == 8
    held[0].unlink()
    training.fill(made, tmp_path)  # done already: nothing is looked at again
    assert not held[0].exists()


def test_the_seconds_of_a_step_are_the_median(tmp_path):
    folder = tmp_path / "runs" / "all-0"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"learn": {"model.backbone": 10, "model.channels": 5}}))
    lines = [
        {"step": 5, "loss": 1.0},
        *({"step": step, "seconds_per_step": took} for step, took in ((10, 9.0), (15, 2.0), (20, 3.0))),
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training.facts(Job(BY_NAME["all"], 0), tmp_path) == {"parameters": 15, "seconds_step": 3.0}


def test_a_training_whose_command_was_killed_is_seen(tmp_path):
    job = Job(BY_NAME["all"], 0)
    path = training.recipe_file(job, tmp_path)
    assert not training.at_work(job, tmp_path)
    words = [sys.executable, "-c", "print(flush=True); input()", str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()  # its words can be read a little after it began
        assert training.at_work(job, tmp_path)
        assert not training.at_work(Job(BY_NAME["all"], 1), tmp_path)
        other.communicate(b"\n")
    assert not training.at_work(job, tmp_path)
