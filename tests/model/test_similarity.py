import pytest
import torch

from model.similarity import similarity

EVERYWHERE = torch.ones(2, 2, dtype=torch.bool)


def test_inner_products_are_stretched_to_zero_and_one():
    marks = torch.tensor([[1.0, 2.0], [-1.0, 0.0]])
    image = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    # first mark: 0, 1, 2, 4; second: 0, -1, 0, -2
    made = similarity(marks, image, (2, 2), EVERYWHERE)
    expected = torch.tensor([[[0, 0.25], [0.5, 1]], [[1, 0.5], [1, 0]]])
    assert made.dtype == torch.float32
    assert torch.allclose(made, expected, atol=1e-5)


def test_the_padding_counts_in_nothing_and_is_zero():
    valid = torch.tensor([[True, True], [True, False]])
    image = torch.tensor([[1.0], [2.0], [3.0], [100.0]])
    made = similarity(torch.ones(1, 1), image, (2, 2), valid)
    assert torch.allclose(made, torch.tensor([[[0, 0.5], [1, 0]]]), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e4])
def test_a_constant_map_is_all_zeros_with_finite_gradients(value):
    marks = torch.ones(2, 3, requires_grad=True)
    made = similarity(marks, torch.full((4, 3), value), (2, 2), EVERYWHERE)
    assert not made.any()
    made.sum().backward()
    assert marks.grad is not None and marks.grad.isfinite().all()


def test_no_marks_give_no_maps():
    assert similarity(torch.zeros(0, 5), torch.rand(4, 5), (2, 2), EVERYWHERE).shape == (0, 2, 2)


def test_a_grid_that_is_not_square_is_read_row_by_row():
    image = torch.zeros(6, 2)
    image[4, 1] = 1  # row 1, column 1 of two rows of three
    made = similarity(torch.tensor([[0.0, 1.0]]), image, (2, 3), torch.ones(2, 3, dtype=torch.bool))
    assert made[0].nonzero().tolist() == [[1, 1]]


def test_half_precision_is_computed_in_single():
    marks, image = torch.randn(3, 64), torch.randn(16, 64)
    made = similarity(marks.half(), image.half(), (4, 4), torch.ones(4, 4, dtype=torch.bool))
    single = similarity(marks.half().float(), image.half().float(), (4, 4), torch.ones(4, 4, dtype=torch.bool))
    assert torch.equal(made, single)
