"""gRefCOCO: several things a sentence, one, or none."""

from eval.benchmarks.base import Benchmark
from eval.protocols import GRES, GRES_FORCED

BENCHMARKS = (Benchmark("grefcoco", ("val", "testA", "testB"), (GRES, GRES_FORCED)),)
