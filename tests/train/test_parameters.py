import pytest
import torch
from torch import nn

from train import parameters


def network() -> nn.Module:
    return nn.ModuleDict({"body": nn.Linear(2, 3), "head": nn.Linear(3, 1)})


def test_the_first_expression_found_decides_and_the_rest_is_frozen():
    model = network()
    chosen = parameters.select(model, {r"^head\.weight": 1e-2, r"^head": 1e-3})
    assert chosen == {"head.weight": r"^head\.weight", "head.bias": "^head"}
    assert [p.requires_grad for p in model["body"].parameters()] == [False, False]


def test_groups_carry_their_rate_and_vectors_do_not_decay():
    model = network()
    made = parameters.groups(model, {"body": 1e-2, "head": 1e-3}, weight_decay=0.1)
    found = {(group["lr"], group["weight_decay"], sum(p.numel() for p in group["params"])) for group in made}
    assert found == {(1e-2, 0.1, 6), (1e-2, 0.0, 3), (1e-3, 0.1, 3), (1e-3, 0.0, 1)}


@pytest.mark.parametrize(("pattern", "says"), [("nose", "matches no parameter"), ("(", "not a regular expression")])
def test_an_expression_that_does_nothing_is_an_error(pattern, says):
    with pytest.raises(ValueError, match=says):
        parameters.select(network(), {pattern: 1e-3})


@pytest.mark.parametrize(
    ("added", "pattern", "says"),
    [
        ((), "head", "lora: nothing in 'train' matches body.lora_A.weight: name 'lora_' there"),
        (("trainable_tokens_delta",), "lora_", "lora: marks: nothing in 'train' matches trainable_tokens_delta"),
    ],
)
def test_adapters_that_would_not_learn_are_an_error(added, pattern, says):
    model = nn.ModuleDict({**network(), "body": nn.ModuleDict({"lora_A": nn.Linear(2, 3)})})
    for name in added:
        model.register_parameter(name, nn.Parameter(torch.zeros(2)))
    with pytest.raises(ValueError, match=says):
        parameters.select(model, {pattern: 1e-3})
    assert parameters.select(model, {"body|trainable": 1e-3})


def test_counts_are_by_part():
    model = nn.ModuleDict({"a": nn.ModuleDict({"b": nn.Linear(2, 3), "c": nn.Linear(3, 1)})})
    parameters.select(model, {"a.b": 1.0})
    assert parameters.counts(model) == {"a.b": (9, 9), "a.c": (0, 4)}
