"""The benchmark measures what training does."""

from random import Random

import numpy as np
import torch

from benchmarks import collation
from data.images import open_image


def test_an_item_is_the_picture_for_sam_and_the_truth_of_its_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(collation, "MADE", 2)
    made, clock = collation.Made(tmp_path), collation.Clock()
    sam, truth = collation.item(made, 1, Random(0), clock)
    assert sam.shape == (3, 1024, 1024) and not sam[:, 768:].any() and sam[:, :768].float().mean() > 50
    assert truth.shape == (8, 480, 640) and truth.dtype == torch.bool and truth.flatten(1).any(dim=1).all()
    assert set(clock.spent) == {
        "decoding",
        "queries, with masks as run lengths",
        "words",
        "masks to pixels",
        "resizing",
    }
    assert np.array_equal(made.picture(1).load(), open_image(tmp_path / "1.jpg"))
