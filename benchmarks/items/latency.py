"""One question about a new picture: when its first word is there, when its masks are, and what each stage takes."""

import time
from collections.abc import Iterator

from benchmarks import direct
from benchmarks.bench import TOKENS, Bench, picture
from benchmarks.harness import Result, wait
from model.answer import Answer
from model.predictor import Ask, Predictor


def run(bench: Bench) -> Iterator[Result]:
    """The published way shows nothing before its masks. A second question finds the picture seen."""
    ask = marked(bench)
    model = bench.model

    def published() -> None:
        with bench.autocast():
            direct.answer(model, picture(ask), ask.question, TOKENS)

    masks = 0

    def measure() -> dict[str, float]:
        nonlocal masks
        predictor, found = bench.predictor(), {}
        for seen in ("new picture", "known picture"):
            spent, answer = clocked(bench, predictor, ask)
            masks = len(answer.segments)
            stages = {f"stage {name!r}": value for name, value in answer.timings.items() if name != "total"}
            found.update({f"{seen}: {name}": value for name, value in {**spent, **stages}.items()})
        return found

    found = bench.collect(measure)
    (slow,) = bench.alternate(published)
    for case, spread in found.items():
        whole = case.endswith("to its masks")
        note = f"{masks} mask{'s' * (masks != 1)}, cut at {TOKENS} tokens" if whole else ""
        yield Result("latency", case, spread, slow if whole else None, "s", note)


def marked(bench: Bench) -> Ask:
    """A question whose answer has at least one mask.

    Raises:
        ValueError: none of those tried has.
    """
    predictor = bench.predictor()
    for ask in bench.asks(8, 2):
        answer = predictor.ask_all([ask], max_new_tokens=TOKENS)[0]
        if any(not segment.rejected for segment in answer.segments):
            return ask
    raise ValueError("the model draws no mask in its answers: nothing to time")


def clocked(bench: Bench, predictor: Predictor, ask: Ask) -> tuple[dict[str, float], Answer]:
    """Seconds from the question to its first word and to its masks, and the answer."""
    first: list[float] = []

    def on_text(_: str) -> bool:
        first.append(time.perf_counter())
        return True

    wait(bench.device)
    begin = time.perf_counter()
    predictor.set_image(ask.image)
    answer = predictor.ask(ask.question, on_text=on_text, max_new_tokens=TOKENS)
    wait(bench.device)
    spent = {"to the first word": first[0] - begin, "to its masks": time.perf_counter() - begin}
    return spent, answer
