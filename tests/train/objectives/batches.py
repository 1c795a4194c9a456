"""Batches of drawn scenes."""

from train.objectives import grounding


def batch_of(model, options, first=5, count=2):
    """The scenes from the ``first`` on, as the grounding objective collates them."""
    data = grounding.dataset(model, options, first=first, count=count)
    return grounding.collate(model, [data[index] for index in range(count)])
