"""Five questions about one picture, each answered in at most 16 tokens: what is seen and computed once, against five
calls that share nothing, and against the published way."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks import direct
from benchmarks.bench import TOKENS, Bench, agreement, picture
from benchmarks.harness import Result, count
from benchmarks.meters import Calls, counted
from model.answer import Answer

Answers = Sequence[Answer | direct.Told]

QUESTIONS = 5
NOTHING, PUBLISHED = "against calls that share nothing", "against the published way"


def run(bench: Bench) -> Iterator[Result]:
    """Times, then what was run how often.

    Raises:
        ValueError: answers differ, in float32.
    """
    asks, model = bench.asks(QUESTIONS), bench.model

    def together() -> list[Answer]:
        return bench.predictor().ask_all(asks, max_new_tokens=TOKENS)

    def in_turn() -> list[Answer]:
        predictor = bench.predictor()
        return [predictor.ask_all([ask], max_new_tokens=TOKENS)[0] for ask in asks]

    def alone() -> list[Answer]:
        return [bench.predictor().ask_all([ask], max_new_tokens=TOKENS)[0] for ask in asks]

    def published() -> list[direct.Told]:
        with bench.autocast():
            return [direct.answer(model, picture(ask), ask.question, TOKENS) for ask in asks]

    ways: dict[str, Callable[[], Sequence[Answer | direct.Told]]] = {
        "at once": together,
        "in turn": in_turn,
        "alone": alone,
        "published": published,
    }
    calls: dict[str, Calls] = {}
    answers: dict[str, Answers] = {}

    def noted(name: str) -> None:
        with counted(model) as calls[name]:
            answers[name] = ways[name]()

    spreads = bench.alternate(*(partial(noted, name) for name in ways))
    times = dict(zip(ways, spreads, strict=True))
    for ours in ("at once", "in turn"):
        for theirs, words in (("alone", NOTHING), ("published", PUBLISHED)):
            note = agreement(answers[ours], answers[theirs], exact=not bench.half)
            case = f"{QUESTIONS} questions {ours}, {words}"
            yield Result("questions", case, times[ours], times[theirs], "s", note)
    for network in ("SAM encoder", "vision tower", "language model"):
        once, every = (count(calls[name].passes[network]) for name in ("at once", "published"))
        yield Result("questions", f"passes of the {network}, {PUBLISHED}", once, every, "")
    for ours in ("at once", "in turn"):
        for theirs, words in (("alone", NOTHING), ("published", PUBLISHED)):
            fewer, more = count(calls[ours].positions), count(calls[theirs].positions)
            yield Result("questions", f"token positions {ours}, {words}", fewer, more, "")
