import pytest

from model.policy import Options


def test_only_a_learned_policy_keeps_every_layer():
    assert Options().candidates(33) == (32,)
    assert Options("fixed", 7).candidates(33) == (7,)
    assert Options("fixed", 7, layer_for="map").candidates(33) == (7, 32)
    assert Options("sampled").candidates(4) == (0, 1, 2, 3)


@pytest.mark.parametrize("index", [33, -1])
def test_a_layer_that_is_not_there_is_refused(index):
    with pytest.raises(ValueError, match="none from 0 to 32"):
        Options("fixed", index).candidates(33)


def test_an_index_belongs_to_the_fixed_policy():
    with pytest.raises(ValueError, match="fixed"):
        Options("fixed").candidates(33)
    with pytest.raises(ValueError, match="fixed"):
        Options("last", 3).candidates(33)
