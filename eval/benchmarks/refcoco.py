"""RefCOCO, RefCOCO+, RefCOCOg and RefCLEF: one thing a sentence, which is always there.

``refcoco/google`` is another division, and ``refcoco/exclude_unified`` the pictures that SESAME keeps.
"""

from eval.benchmarks.base import Benchmark
from eval.protocols import REFERENCES, SENTENCES

NAMES = (("refcoco", ("val", "testA", "testB")), ("refcoco+", ("val", "testA", "testB")), ("refcocog", ("val", "test")))
BENCHMARKS = tuple(
    Benchmark(name, splits, (SENTENCES, REFERENCES))
    for name, splits in (
        *NAMES,
        ("refcoco/google", ("val", "test")),
        ("refcocog/google", ("val",)),
        *((f"{name}/exclude_unified", splits) for name, splits in NAMES),
        ("refclef", ("val", "testA", "testB", "testC")),
    )
)
