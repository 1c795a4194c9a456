"""FP-RefCOCO, + and g: sentences of which some name what is not there, much like something that is."""

from eval.benchmarks.base import Benchmark
from eval.protocols import SESAME

BENCHMARKS = tuple(
    Benchmark(name, splits, (SESAME,))
    for name, splits in (
        ("fprefcoco", ("val", "testA", "testB")),
        ("fprefcoco+", ("val", "testA", "testB")),
        ("fprefcocog", ("val", "test")),
    )
)
