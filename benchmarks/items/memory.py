"""Memory of one answer beyond the weights, at its most."""

from collections.abc import Callable, Iterator

from benchmarks import direct
from benchmarks.bench import TOKENS, Bench, picture
from benchmarks.harness import Result, count
from benchmarks.items.latency import marked
from benchmarks.meters import peak_allocated, peak_resident


def run(bench: Bench) -> Iterator[Result]:
    """Torch's tensors, exactly; then the whole process."""
    ask, model = marked(bench), bench.model
    weights = sum(p.numel() * p.element_size() for p in model.parameters())

    def ours() -> None:
        bench.predictor().ask_all([ask], max_new_tokens=TOKENS)

    def published() -> None:
        with bench.autocast():
            direct.answer(model, picture(ask), ask.question, TOKENS)

    ways: tuple[Callable[[], None], ...] = (ours, published)
    less, more = (count(peak_allocated(way, bench.device)) for way in ways)
    yield Result(
        "memory", "one answer, tensors beyond the weights", less, more, "B", f"weights {weights / 1e6:,.0f} MB"
    )
    resident = [peak_resident(way) for way in ways]
    if resident[0] and resident[1]:
        least, most = (count(peak) for peak, _ in (resident[0], resident[1]))
        note = "allocators keep what was used before; on a GPU this is the host's memory alone"
        yield Result("memory", "one answer, the whole process resident", least, most, "B", note)
