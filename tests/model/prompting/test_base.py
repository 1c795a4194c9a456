import pytest
import torch

from model import prompting
from model.prompting.base import SegPrompts


def points(count, *labels):
    return SegPrompts(points=torch.rand(count, len(labels), 2), labels=torch.tensor([labels] * count))


def test_channels_are_found_by_name():
    assert prompting.available() == ["coordinates", "embedding", "mask", "points"]
    for name in prompting.available():
        module = prompting.load(name)
        module.Channel(module.Options(), 8, 4)
    with pytest.raises(ValueError, match="did you mean 'points'"):
        prompting.load("point")
    with pytest.raises(ValueError, match="there are coordinates, embedding, mask, points"):
        prompting.load("zzz")


def test_points_and_embeddings_are_joined_in_order():
    first, second = points(2, 1, 0), points(2, -1)
    first = first.merge(SegPrompts(embeddings=torch.ones(2, 1, 4)))
    second = second.merge(SegPrompts(embeddings=torch.zeros(2, 3, 4), mask=torch.rand(2, 1, 8, 8)))
    made = first.merge(second)
    assert made.labels.tolist() == [[1, 0, -1]] * 2
    assert torch.equal(made.points, torch.cat([first.points, second.points], dim=1))
    assert made.embeddings[0, :, 0].tolist() == [1, 0, 0, 0]
    assert made.mask is second.mask and made.boxes is None


@pytest.mark.parametrize(
    ("given", "said"),
    [(SegPrompts(mask=torch.rand(1, 1, 8, 8)), "mask"), (SegPrompts(boxes=torch.rand(1, 4)), "boxes")],
)
def test_two_masks_or_two_boxes_are_refused(given, said):
    with pytest.raises(ValueError, match=f"two channels give a {said} prompt"):
        given.merge(given)


@pytest.mark.parametrize("index", [torch.tensor([2, 0]), torch.tensor([True, False, True]), torch.tensor([]).long()])
def test_select_takes_the_same_rows_of_every_part(index):
    whole = points(3, 1, 0).merge(SegPrompts(mask=torch.rand(3, 1, 4, 4), embeddings=torch.rand(3, 1, 4)))
    made = whole.select(index)
    for name in ("points", "labels", "mask", "embeddings"):
        assert torch.equal(getattr(made, name), getattr(whole, name)[index])
    assert made.boxes is None


def test_clicks_are_added_and_an_earlier_mask_takes_the_map_s_place():
    before = points(1, 1).merge(SegPrompts(mask=torch.zeros(1, 1, 4, 4), embeddings=torch.rand(1, 1, 4)))
    low = torch.ones(1, 1, 4, 4)
    made = before.corrected(torch.tensor([[[3.0, 4.0]]]), torch.tensor([[0]]), low)
    assert made.labels.tolist() == [[1, 0]]
    assert made.points[0, 1].tolist() == [3, 4]
    assert made.mask is low and made.embeddings is before.embeddings
