"""What acts in the reinforcement stage, without its trainer."""

import pytest
import torch

from data.settings import build
from model.policy import Options as Layer
from tests import tiny
from train import lora
from train.grpo import packed
from train.objectives import grpo
from train.parameters import select
from train.recipe import Lora, Recipe
from train.rollouts import Sampling, roll_out


@pytest.fixture
def model():
    made = tiny.talker()
    lora.attach(made, Lora(rank=2, alpha=4))
    return made


def options(**more):
    return grpo.Options(**{"generations": 2, "longest": 8, "layer": Layer("group", draws=3, lean=1.0), **more})


def recipe(**more):
    return Recipe(**{"objective": "grpo", "init": "", "out": "", "train": {}, "steps": 4, "batch": 1, **more})


@pytest.fixture
def answers(model):
    data = grpo.dataset(model, options(), 7, 3)
    rows = [row["asked"] for row in data.__getitems__([0, 0, 1, 1, 2, 2])]
    return roll_out(model, rows, Sampling(temperature=2.0, longest=8))


def test_questions_repeat_exactly_and_pictures_are_drawn_once(model):
    later, all_ = grpo.dataset(model, options(), 9, 2), grpo.dataset(model, options(), 7, 4)
    rows = all_.__getitems__([2, 2, 3])
    assert rows[0]["asked"] is rows[1]["asked"] and rows[0] is not rows[1]
    assert [row["asked"].number for row in rows] == [9, 9, 10]
    assert later[0]["asked"].turn == rows[0]["asked"].turn and later[0]["asked"].number == 9
    assert torch.equal(later[0]["asked"].mllm, rows[0]["asked"].mllm)
    assert all(grpo.dataset(model, options(), 0, 20)[index]["asked"].turn.targets for index in range(20))


def test_answers_packed_behind_their_picture_are_as_likely_as_alone(model, answers):
    objective = grpo.Objective(model, options()).train()
    shuffled = [answers[place] for place in (3, 0, 5, 1, 4, 2)]
    with torch.no_grad():
        batch, order = packed(shuffled, model.backbone.pad_id)
        assert torch.equal(packed(answers, model.backbone.pad_id)[0].ids, batch.ids)
        together = objective(batch)
        assert len(batch.prepared) == 3 and order != sorted(order)
        parts = together["log_probs"].split([len(shuffled[place].ids) for place in order])
        for place, part in zip(order, parts, strict=True):
            alone = objective(packed([shuffled[place]], model.backbone.pad_id)[0])["log_probs"]
            torch.testing.assert_close(part, alone, atol=1e-4, rtol=1e-4)


def test_likelihoods_are_those_of_the_law_that_answers_are_drawn_from(model, answers):
    objective = grpo.Objective(model, options(temperature=2.0)).train()
    batch, _ = packed(answers[:1], model.backbone.pad_id)
    out, ids = objective(batch), answers[0].ids
    seen = []

    def pick(logits):
        law = torch.distributions.Categorical(logits=logits / 2.0)
        token = ids[len(seen)][None] if len(seen) < len(ids) else torch.tensor([model.backbone.eos_id])
        seen.append((float(law.log_prob(token)), float(law.entropy())))
        return token

    asked = answers[0].asked
    model.eval().backbone.generate([model.backbone.read(asked.image)], [asked.turns], len(ids), pick=pick)
    known, entropies = zip(*seen[: len(ids)], strict=True)
    # What is drawn from lacks the place of an image, one token among hundreds.
    torch.testing.assert_close(out["log_probs"].detach(), torch.tensor(known), atol=2e-2, rtol=1e-3)
    torch.testing.assert_close(out["entropies"], torch.tensor(entropies), atol=5e-2, rtol=1e-2)


def test_the_reference_is_the_model_without_its_adapters(model, answers):
    objective = grpo.Objective(model, options()).train()
    batch, _ = packed(answers, model.backbone.pad_id)
    learned = {name for name, parameter in objective.named_parameters() if parameter.requires_grad}
    with torch.no_grad():
        fresh = objective(batch)["log_probs"]
        with objective.disable_adapter():
            assert torch.equal(objective(batch)["log_probs"], fresh)  # a fresh adapter adds nothing: KL is 0
        for name, parameter in objective.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
        assert not torch.allclose(objective(batch)["log_probs"], fresh)
        with objective.disable_adapter():
            assert torch.equal(objective(batch)["log_probs"], fresh)
    assert {name for name, parameter in objective.named_parameters() if parameter.requires_grad} == learned


def test_what_has_no_gradient_here_is_not_to_be_trained(model):
    objective = grpo.Objective(model, options())

    def made(pattern, **more):
        for name, parameter in objective.named_parameters():
            parameter.requires_grad_(pattern in name)
        return grpo.trainer(objective, recipe(**more), options(reuse=2), 0, 1)

    with pytest.raises(ValueError, match=r"'channels' matches model\.channels.* gets no gradient from rewards"):
        select(objective, {"lora_": 1.0, "channels": 1.0})
    with pytest.raises(ValueError, match="reference"):
        made("lm_head")
    with pytest.raises(ValueError, match="must be multiples of"):
        made("lora_", save_steps=3)
    with pytest.raises(ValueError, match="validate_steps must be multiples of"):
        made("lora_", validate_steps=3)  # the best one's state is kept


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"rewards": {"masks": 1.0}}, "did you mean 'mask'"),
        ({"rewards": {"mask": 0}}, "none has a weight above 0"),
        ({"rewards": {"mask": 1, "thinking": 1}}, "without think: true"),
        ({"generations": 1}, "at least 2 answers"),
        ({"ratio": 1.5}, "ratio between 0 and 1"),
        ({"longest": 0}, "longest: 0 is less than 1"),
        ({"data": {}}, "at least one dataset"),
        ({"layer": {"policy": "grup"}}, "none of"),
        ({"reward": {}}, "did you mean 'rewards'"),
    ],
)
def test_wrong_settings_are_one_clear_line(values, says):
    with pytest.raises(ValueError, match=says) as error:
        grpo.check(build(grpo.Options, values, "options"))
    assert "\n" not in str(error.value)


def test_a_policy_with_one_draw_has_no_group(model):
    with pytest.raises(ValueError, match="no group"):
        grpo.Objective(model, options(layer=Layer("sampled")))
