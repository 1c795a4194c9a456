"""MUSE: questions that several things answer, one mask each."""

from eval.benchmarks.base import Benchmark
from eval.protocols import PIXELLM, UNITED

BENCHMARKS = (Benchmark("muse", ("val", "test_less", "test_many"), (PIXELLM, UNITED)),)
