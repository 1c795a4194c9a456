import dataclasses

import pytest
import torch
import yaml

from model.config import presets
from model.released import find, here
from train import launch, recipe, trainer


def test_every_shipped_recipe_is_valid():
    assert {"tiny/segmenter", "tiny/tower", "tiny/pretrain", "tiny/instruct"} <= set(recipe.names())
    for name in recipe.names():
        loaded = recipe.load(name)
        assert loaded.steps > 0 and loaded.out.startswith("runs/")


def test_what_a_shipped_recipe_begins_with_is_a_preset_a_release_or_an_earlier_recipes_model():
    outs = {recipe.load(name).out for name in recipe.names()}
    for name in recipe.names():
        loaded = recipe.load(name)
        for where in (loaded.init, *loaded.take.values()):
            backbone, plus, segmenter = where.partition("+")
            if plus:
                assert find(backbone).kind == "backbone" and find(segmenter).kind in ("segmenter", "sam"), name
            elif where in presets():
                assert loaded.preset is None, name
            else:
                assert where.removesuffix("/model") in outs or here(where) or not find(where).is_part, name


def test_shipped_recipes_of_large_models_hold_what_does_not_learn_in_bf16():
    large = [name for name in recipe.names() if not name.startswith("tiny/")]
    held = {name: recipe.load(name) for name in large}
    assert {name for name, made in held.items() if (made.frozen, made.recompute) == ("bf16", True)} == set(large)


def test_overrides_reach_into_mappings_and_are_typed():
    loaded = recipe.load("tiny/pretrain", ["steps=7", "options.masks=5", "precision=fp32"])
    assert (loaded.steps, loaded.options["masks"], loaded.precision) == (7, 5, "fp32")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("stepz=7", "did you mean 'steps'"),
        ("steps=many", "expected int"),
        ("steps", "key=value"),
        ("precision=fp8", "'fp8' is none of"),
        ("steps=[1", "not valid YAML"),
        ("steps.a=1", "holds no keys"),
    ],
)
def test_a_wrong_override_is_one_clear_line(override, says):
    with pytest.raises(ValueError, match=says) as error:
        recipe.load("tiny/pretrain", [override])
    assert "\n" not in str(error.value)


def test_warmup_and_decay_shrink_into_fewer_steps_and_stay_so(tmp_path):
    def schedule(*overrides, name="tiny/pretrain"):  # 50 and 700 of 2300
        made = recipe.load(name, overrides)
        return made.steps, made.warmup, made.decay

    assert schedule("steps=200") == (200, 13, 187)
    assert schedule("steps=750") == (750, 50, 700)
    assert schedule("steps=749") == (749, 49, 700)
    assert schedule("steps=5000") == (5000, 50, 700)
    assert schedule("steps=1") == (1, 0, 1)
    assert schedule("steps=200", "decay=0") == (200, 50, 0)
    assert schedule("steps=20", "decay=0") == (20, 50, 0)  # the beginning of a longer run
    path = tmp_path / "resolved.yaml"
    path.write_text(yaml.safe_dump(dataclasses.asdict(recipe.load("tiny/pretrain", ["steps=200"]))))
    assert schedule(name=str(path)) == (200, 13, 187)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["decay=2251"], "warmup: 50 and decay: 2251 are more than steps: 2300"),
        (["steps=200", "warmup=20"], "warmup: 20 and decay: 700 are more than steps: 200"),
        (["train={segmenter: -1e-3}"], "'segmenter': -0.001 is no learning rate"),
        (["train={segmenter: .nan}"], "'segmenter': nan is no learning rate"),
        (["weight_decay=-0.1"], "weight_decay: -0.1 is below 0"),
        (["clip=.nan"], "clip: nan is below 0"),
        (["lora={rank: 0}"], "lora: rank: 0 is too few"),
        (["lora={alpha: 0}"], "lora: alpha: 0 is too few"),
        (["lora={dropout: 1.5}"], "lora: dropout: 1.5 is no share"),
    ],
)
def test_numbers_that_could_only_fail_later_or_do_nothing(overrides, says):
    with pytest.raises(ValueError, match=says):
        recipe.load("tiny/pretrain", overrides)


def test_an_unknown_recipe_suggests_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'tiny/pretrain'"):
        recipe.load("tiny/pretrian")


def test_broken_yaml_names_the_file(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("steps: [1\n")
    with pytest.raises(ValueError, match=r"broken\.yaml: not valid YAML"):
        recipe.load(str(path))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("options.mask=2", "did you mean 'masks'"),
        ("objective=groundin", "did you mean 'grounding'"),
        ("deepspeed=zero9", "no file 'zero9'"),
        ("init=nowhere", "neither a preset"),
        ("take={tower: nowhere}", "neither a preset"),
    ],
)
def test_what_cannot_work_is_found_before_anything_starts(override, says):
    with pytest.raises(ValueError, match=says):
        launch.check(recipe.load("tiny/pretrain", ["take={}", override]))


def test_the_launcher_starts_a_module_with_the_overrides():
    args = launch.parser().parse_args(["tiny/tower", "steps=3", "processes=2"])
    words = launch.command(args, recipe.load(args.recipe, args.overrides))
    assert words[words.index("--module") + 1] == "train.run"
    assert words[words.index("--num_accelerators") + 1] == "2"
    assert words[-2:] == ["steps=3", "processes=2"]


def test_a_recipe_survives_being_written_out(tmp_path):
    loaded = recipe.load("tiny/instruct")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(dataclasses.asdict(loaded)))
    assert recipe.load(str(path)) == loaded


def test_a_bucket_of_zeros_is_no_larger_than_what_learns():
    loaded = recipe.load("tiny/pretrain")
    assert "reduce_bucket_size" not in recipe.deepspeed_settings(loaded, 7)["zero_optimization"]
    for name in ("zero1", "zero2", "zero2_offload", "zero3", "zero3_offload"):
        divided = recipe.load("tiny/pretrain", [f"deepspeed={name}"])
        assert recipe.deepspeed_settings(divided, 7)["zero_optimization"]["reduce_bucket_size"] == 7
        assert recipe.deepspeed_settings(divided, 10**10)["zero_optimization"]["reduce_bucket_size"] <= 5e8
        assert recipe.zero_stage(divided) == int(name[4])


def test_the_trainer_is_told_what_learns():
    objective = torch.nn.ModuleList([torch.nn.Linear(3, 2), torch.nn.Linear(3, 3)])
    objective[1].requires_grad_(False)
    made = trainer.arguments(recipe.load("tiny/pretrain", ["deepspeed=zero2"]), objective)
    assert made.deepspeed["zero_optimization"]["reduce_bucket_size"] == 3 * 2 + 2
