"""ReasonSeg: queries that take reasoning, long (a sentence) or short (a phrase).

``test_short`` and ``test_long`` are the pictures of ``test`` with a query of that length, as the published tables give
them.
"""

from data.datasets.base import Query
from eval.benchmarks.base import Benchmark
from eval.protocols import REASON, REASON_SESAME, REASON_WORDINGS, Protocol

KINDS = {"sentence": "long query", "phrase": "short query", "premise": "absent"}
OF_SPLIT = {"test_long": "long query", "test_short": "short query"}


def kind(query: Query) -> str:
    """Of a query's questions: by its length, or a false premise."""
    return KINDS[query.kind]


def asked(query: Query, split: str, protocol: Protocol) -> bool:
    """The first wording, unless the protocol has every one; false premises where it has them, the first one."""
    first = query.id.endswith("/0")
    if query.kind == "premise":
        return first and protocol.rules == REASON_SESAME.name and split not in OF_SPLIT
    every = protocol.rules == REASON_WORDINGS.name
    return (first or every) and kind(query) == OF_SPLIT.get(split, kind(query))


BENCHMARKS = (
    Benchmark(
        "ReasonSeg",
        ("val", "test", "test_short", "test_long"),
        (REASON, REASON_WORDINGS, REASON_SESAME),
        part_of={"test_short": "test", "test_long": "test"},
        asked=asked,
        kind=kind,
    ),
)
