"""R-RefCOCO, + and g: sentences of which most name what is not there. ``R-refcoco`` is the folder of SESAME and its
followers, ``rrefcoco`` that of the authors."""

from eval.benchmarks.base import Benchmark
from eval.protocols import ROBUST, SESAME

BENCHMARKS = tuple(
    Benchmark(f"{prefix}{suffix}", splits, protocols)
    for prefix, protocols in (("rrefcoco", (ROBUST, SESAME)), ("R-refcoco", (SESAME, ROBUST)))
    for suffix, splits in (("", ("val", "testA", "testB")), ("+", ("val", "testA", "testB")), ("g", ("val", "test")))
)
