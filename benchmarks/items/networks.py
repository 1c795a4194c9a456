"""How much of an answer's time passes inside the networks; the rest is our overhead."""

import time
from collections.abc import Iterator

from benchmarks.bench import TOKENS, Bench
from benchmarks.harness import Result, wait
from benchmarks.items.latency import marked
from benchmarks.meters import timed

OUTSIDE = "outside the networks"


def run(bench: Bench) -> Iterator[Result]:
    """Per cent of the time from a question to its masks, on a new picture and on one that has been seen. The hooks of
    the trace run inside the language model, whose time they are part of."""
    ask, model = marked(bench), bench.model

    def measure() -> dict[str, float]:
        predictor, found = bench.predictor(), {}
        for seen in ("new picture", "known picture"):
            with timed(model, bench.device) as spent:
                wait(bench.device)
                begin = time.perf_counter()
                predictor.ask_all([ask], max_new_tokens=TOKENS)
                wait(bench.device)
                total = time.perf_counter() - begin
            found[seen] = total
            parts = {**spent, OUTSIDE: total - sum(spent.values())}
            found.update({f"{seen}: {name}": 100 * value / total for name, value in parts.items()})
        return found

    found = bench.collect(measure)
    for case, share in found.items():
        seen, _, name = case.partition(": ")
        if name:
            whole = found[seen].median
            note = f"about {whole * share.median * 10:.1f} ms of {whole:.2f} s" if name == OUTSIDE else ""
            yield Result("networks", case, share, None, "%", note)
