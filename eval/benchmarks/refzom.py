"""Ref-ZOM: several things a sentence, one, or none."""

from eval.benchmarks.base import Benchmark
from eval.protocols import GSVA_ZOM, REFZOM, ZOM_FORCED

BENCHMARKS = (Benchmark("refzom", ("test",), (REFZOM, GSVA_ZOM, ZOM_FORCED)),)
