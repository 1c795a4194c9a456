import pytest

from train.watch import Watch


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_what_is_no_number_is_wrong_at_once(loss):
    assert "became" in Watch(0).wrong(loss)


def test_a_loss_out_of_measure_is_wrong_once_there_is_a_measure():
    watch = Watch(10)
    assert watch.wrong(1000.0) is None  # a run may begin high
    for _ in range(40):
        assert watch.wrong(2.0) is None
    assert watch.wrong(19.9) is None
    assert "rose to 20.1, from 2" in watch.wrong(20.1)
    assert watch.wrong(2.0) is None


def test_none_is_too_high_if_none_should_be():
    watch = Watch(0)
    assert all(watch.wrong(loss) is None for loss in [1.0] * 50 + [1e9])


def test_losses_about_nothing_are_compared_with_the_least():
    watch = Watch(10, least=1.0)
    assert all(watch.wrong(loss) is None for loss in [0.0, 1e-6, -1e-3] * 20)
    assert watch.wrong(0.5) is None and watch.wrong(9.9) is None
    assert "rose to 10.1" in watch.wrong(10.1)
