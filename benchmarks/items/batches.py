"""Questions a second by batch size, and whether they are answered as one by one."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import TOKENS, Bench, agreement
from benchmarks.harness import Result, Spread
from model.answer import Answer
from model.predictor import Ask

QUESTIONS, BATCHES = 8, (1, 2, 4, 8)


def run(bench: Bench) -> Iterator[Result]:
    """Eight questions on one picture, and on several; nothing has been seen before.

    Raises:
        ValueError: answers differ, in float32.
    """
    for pictures in (1, 2 if bench.size == "small" else QUESTIONS):  # on two cores SAM would take all the time
        asks = bench.asks(QUESTIONS, pictures)
        answers: dict[int, list[Answer]] = {}

        def answer(batch: int, asks: list[Ask] = asks, answers: dict[int, list[Answer]] = answers) -> None:
            predictor = bench.predictor()
            parts = [asks[start : start + batch] for start in range(0, len(asks), batch)]
            answers[batch] = [made for part in parts for made in predictor.ask_all(part, max_new_tokens=TOKENS)]

        spreads = bench.alternate(*(partial(answer, batch) for batch in BATCHES))
        times = dict(zip(BATCHES, spreads, strict=True))
        for batch, time in times.items():
            note = "" if batch == 1 else agreement(answers[batch], answers[1], exact=not bench.half)
            case = f"{QUESTIONS} questions on {pictures} picture{'s' * (pictures > 1)}, {batch} at once, against 1"
            yield Result("batches", case, rate(time), rate(times[1]) if batch > 1 else None, "1/s", note)


def rate(time: Spread) -> Spread:
    """Questions a second from the seconds of all of them."""
    return Spread(QUESTIONS / time.median, QUESTIONS / time.high, QUESTIONS / time.low, time.runs)
