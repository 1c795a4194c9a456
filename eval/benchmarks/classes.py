"""Semantic segmentation by name: each class, or part, that a picture has is asked for in a question of its own.

The kind of a question is its class, so that results by kind are results by class.
"""

from data.datasets.base import Query
from eval.benchmarks.base import Benchmark
from eval.protocols import CLASSES


def kind(query: Query) -> str:
    """Of a query's questions: the class."""
    return query.text


BENCHMARKS = tuple(
    Benchmark(name, splits, (CLASSES,), kind=kind)
    for name, splits in (
        ("ade20k", ("validation",)),
        ("cocostuff", ("val",)),
        ("mapillary", ("validation",)),
        ("paco_lvis", ("val", "test")),
        ("pascal_part", ("val",)),
    )
)
