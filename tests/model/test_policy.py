import pytest
import torch

from data.geometry import Frame
from model.policy import LayerPolicy
from model.tracing import Trace


def trace(*layers):
    count = len(layers)
    frame = Frame.identity((2, 2))
    return Trace(torch.zeros(1, count, 4), torch.zeros(count, 4, 4), (2, 2), frame, torch.zeros(1).bool(), layers)


def test_the_last_layer_is_the_last_state():
    assert LayerPolicy().candidates(33) == (32,)
    assert LayerPolicy().choose(trace(32)) == 0
    assert LayerPolicy().choose(trace(3, 7, 32)) == 2


def test_a_layer_by_its_index_is_found_among_those_kept():
    assert LayerPolicy(7).candidates(33) == (7,)
    assert LayerPolicy(7).choose(trace(3, 7, 32)) == 1
    assert LayerPolicy(0).candidates(1) == (0,)


@pytest.mark.parametrize("layer", [33, -1, "first", "7"])
def test_a_layer_that_is_not_there_is_refused(layer):
    with pytest.raises(ValueError, match="neither 'last' nor an index from 0 to 32"):
        LayerPolicy(layer).candidates(33)
