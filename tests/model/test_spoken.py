import torch

from model.prompting.base import SegPrompts
from model.spoken import lots


def prompts(number: float, box: bool, points: int) -> SegPrompts:
    return SegPrompts(
        boxes=torch.full((1, 4), number) if box else None,
        points=torch.full((1, points, 2), number) if points else None,
        labels=torch.ones(1, points, dtype=torch.int64) if points else None,
    )


def test_like_prompts_are_put_together_and_keep_their_places():
    kinds = [(True, 1), (True, 0), (True, 1), (False, 2), (True, 2), (True, 0), (False, 2)]
    found = lots([prompts(number, *kind) for number, kind in enumerate(kinds)])
    assert [places for places, _ in found] == [[0, 2], [1, 5], [3, 6], [4]]
    for places, together in found:
        box, points = kinds[places[0]]
        assert (together.boxes is not None) == box and (together.points is not None) == bool(points)
        for row, place in enumerate(places):
            assert together.boxes is None or together.boxes[row].tolist() == [place] * 4
            assert together.points is None or together.points[row].tolist() == [[place] * 2] * points
            assert together.labels is None or together.labels[row].tolist() == [1] * points


def test_nothing_is_no_lot():
    assert lots([]) == []
