"""Training one by one is the same training."""

import torch

from benchmarks import training
from tests import tiny
from train.objectives import grounding


def test_one_conversation_a_pass_takes_the_step_of_all_at_once():
    model = tiny.model().train()
    data = grounding.dataset(model, training.OPTIONS, 3, 2)
    items = [data[0], data[1]]
    single = [one for item in items for one in training.apart(item, model)]
    assert len(single) == sum(len(item.chats) for item in items) > 2
    assert sum(len(one.masks) for one in single) == sum(len(item.masks) for item in items)
    moved = []
    for lots in ([items], [[one] for one in single]):
        learner = tiny.model().train()
        learner.load_state_dict(model.state_dict())
        objective = grounding.Objective(learner, training.OPTIONS)
        losses = training.learn(learner, objective, lots, torch.optim.SGD(learner.parameters(), lr=0.1))
        moved.append((losses, learner.state_dict()))
    (one, begun), (other, taken) = moved
    assert all(abs(one[name] - other[name]) < 1e-5 * max(1.0, abs(one[name])) for name in ("loss", "ce", "map_bce"))
    assert all(torch.allclose(value, taken[name], atol=1e-5) for name, value in begun.items())
    assert any(not torch.equal(value, model.state_dict()[name]) for name, value in begun.items())
