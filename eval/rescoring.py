"""Predictions to score without a model: with the truth in their lines, or a benchmark's for those of other systems."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from data import masks
from eval import benchmarks, journal, predictions
from eval.benchmarks import Questions
from eval.predictions import Prediction
from eval.protocols import Protocol
from eval.results import PREDICTIONS, RESULTS

MISSING = "no prediction of this question was given"


def file_of(path: Path) -> Path:
    """The predictions of a folder, or the file itself.

    Raises:
        ValueError: there are none.
    """
    file = path / PREDICTIONS if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"no predictions at {file}: name a {PREDICTIONS}, or the folder that holds one")
    return file


def results_of(path: Path) -> dict[str, Any]:
    """What the ``results.json`` beside predictions says; empty if there is none."""
    found = file_of(path).parent / RESULTS
    return journal.read(found) if found.is_file() else {}


def asked_by(values: Mapping[str, Any]) -> str | None:
    """Name of the protocol that results were counted by, if they say."""
    said = values.get("protocol")
    return said.get("name") if isinstance(said, dict) else None


def protocol_of(values: Mapping[str, Any], name: str | None = None) -> Protocol:
    """The rules to count by.

    Args:
        values: what :func:`results_of` gives.
        name: of a protocol, if it is not to be the one that they were counted by.

    Raises:
        ValueError: nobody says which, or they leave out pixels that the predictions' truth does not name.
    """
    before = values.get("asked_by") or asked_by(values)
    used = name or asked_by(values)
    if values.get("benchmark"):
        benchmark = benchmarks.find(str(values["benchmark"]))
        rules = benchmark.protocol(used)
        if rules.void and before is not None and not benchmark.protocol(before).void:
            raise ValueError(
                f"protocol {rules.name} leaves out what is void, which was not written down for {before}: "
                f"name {benchmark.name} and the root of its data for the truth"
            )
        return rules
    if used is None:
        raise ValueError("which rules? name the benchmark, or a protocol with --protocol: `pinpoint eval --list`")
    found = [one for benchmark in benchmarks.every().values() for one in benchmark.protocols if one.name == used]
    if not found:
        raise ValueError(f"no protocol {used!r}: `pinpoint eval --list` prints them")
    if any(one != found[0] for one in found):
        raise ValueError(f"protocol {used} differs from benchmark to benchmark: name the benchmark as well")
    return found[0]


def own(given: Iterable[Prediction]) -> Iterator[Prediction]:
    """Predictions that carry their truth.

    Raises:
        ValueError: one has none, or two have the same id.
    """
    seen: set[str] = set()
    for one in given:
        if one.truth is None:
            raise ValueError(f"{one.id}: has no truth to compare with: name the benchmark and the root of its data")
        if one.id in seen:
            raise ValueError(f"{one.id}: is there twice: ids are unique")
        seen.add(one.id)
        yield _ours(one)


def expected(questions: Questions, protocol: Protocol) -> dict[str, Prediction]:
    """Every question of a benchmark by its id, not answered yet, with its truth."""
    return {
        one.id: one
        for index in range(len(questions))
        for sample in questions.samples(index, protocol)
        for one in (Prediction.of(sample, number, None) for number in range(len(sample.turns)))
    }


def fitted(given: Iterable[Prediction], wanted: Mapping[str, Prediction]) -> list[Prediction]:
    """Predictions with the truth, picture and kind of a benchmark's questions of the same ids, in their order. A
    question with targets that has no prediction has failed; one that is answered in words alone may be left out.

    Raises:
        ValueError: an id is none of the benchmark's, or is there twice.
    """
    found: dict[str, Prediction] = {}
    for one in given:
        question = wanted.get(one.id)
        if question is None:
            near = next(iter(wanted), None)
            hint = f"; its ids are like {near}" if near else ""
            raise ValueError(f"{one.id}: the benchmark has no such question{hint}")
        if one.id in found:
            raise ValueError(f"{one.id}: is there twice: give one prediction for each question")
        if tuple(one.size) != tuple(question.size):
            raise ValueError(
                f"{one.id}: is for a picture of {one.size}, and this one is {question.size} (height, width)"
            )
        said = one.question or question.question
        found[one.id] = replace(
            _ours(one), image=question.image, kind=question.kind, truth=question.truth, question=said
        )
    missing = [
        replace(question, error=MISSING)
        for id, question in wanted.items()
        if id not in found and question.truth is not None and question.truth.targets
    ]
    return sorted([*found.values(), *missing], key=lambda one: one.id)


def _ours(one: Prediction) -> Prediction:
    """The same with masks as ours are written: another system's runs may be lists, and their sum wrong.

    Raises:
        ValueError: a mask is none of the picture's; the question is named.
    """
    given = (
        mask if mask.rle is None else replace(mask, rle=masks.from_coco(mask.rle, one.size, one.id))
        for mask in one.given
    )
    return replace(one, given=tuple(given))


def read(path: Path) -> Iterator[Prediction]:
    """The predictions of a file or a folder, one after the other."""
    return predictions.read(file_of(path))
