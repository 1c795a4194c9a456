"""How an answer's time grows: with the questions on a picture, the picture's size, the marks. With layers see `trace`,
with batches `batches`."""

from collections.abc import Callable, Iterator
from unittest import mock

import torch

from benchmarks import direct
from benchmarks.bench import TOKENS, Bench, conversation, picture, resized
from benchmarks.harness import Result, Spread
from benchmarks.items.latency import marked
from data.geometry import Size
from model.predictor import Ask
from model.prompting import points

QUESTIONS = (1, 2, 4, 8)
PICTURES: tuple[Size, ...] = ((240, 320), (480, 640), (1080, 1920), (2160, 3840))
MARKS = (1, 4, 16)


def run(bench: Bench) -> Iterator[Result]:
    """The published way beside it where it takes seconds: with the model that ships, and for marks."""
    for number in QUESTIONS:
        yield _answers(bench, f"{number} question{'s' * (number > 1)} on one picture", bench.asks(number))
    ask = marked(bench)
    for size in PICTURES:
        larger = Ask(resized(picture(ask), size), ask.question)
        yield _answers(bench, f"one question on {size[0]} x {size[1]}", [larger])
    for number in MARKS:
        yield _marks(bench, number)


def _answers(bench: Bench, case: str, asks: list[Ask]) -> Result:
    """All questions at once, on pictures not seen before."""

    def ours() -> None:
        bench.predictor().ask_all(asks, max_new_tokens=TOKENS)

    def published() -> None:
        for ask in asks:
            with bench.autocast():
                direct.answer(bench.model, picture(ask), ask.question, TOKENS)

    ways: list[Callable[[], None]] = [ours, published] if bench.size == "tiny" else [ours]
    times: list[Spread] = bench.alternate(*ways)
    return Result("growth", case, times[0], times[1] if len(times) > 1 else None, "s")


def _marks(bench: Bench, number: int) -> Result:
    """From the states of so many marks to masks in original pixels, the picture being encoded."""
    model, image = bench.model, resized(bench.picture(), (480, 640))
    size = (image.shape[0], image.shape[1])
    with torch.inference_mode(), bench.autocast():
        trace = model.backbone(conversation(model, image, number)).traces[0]
        features = model.segmenter.encode(model.segmenter.prepare(image)[None].to(bench.device), [size])[0]

    @torch.inference_mode()
    def ours() -> torch.Tensor:
        with bench.autocast():
            masks = model.segmenter.decode(features, model.ground(trace, size).prompts)
            return model.segmenter.upscale(masks.low, features) > 0

    def published() -> torch.Tensor:
        with mock.patch.object(points, "refine", direct.points):
            return ours()

    apart = float((ours() != published()).float().mean())
    fast, slow = bench.alternate(ours, published)
    case = f"{number} mark{'s' * (number > 1)}, states to masks of 480 x 640"
    return Result("growth", case, fast, slow, "s", f"{apart:.0e} of the pixels differ")
