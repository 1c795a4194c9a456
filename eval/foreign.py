"""Masks of other systems: a JSON list as COCO's evaluation takes it, one object a mask.

    [{"ref_id": 17, "sentence": 0, "segmentation": {"size": [480, 640], "counts": "..."}, "score": 0.9}, ...]

An object says which question it answers, by one of

* ``id``: ours, as ``predictions.jsonl`` has it, with the number of the turn or without (then the last turn);
* ``ref_id``, and ``sentence``, its place in the reference from 0 or its words; without it every sentence is meant;
* ``image_id``, a number or the picture's file name, and ``category`` or ``question``, the words of what is asked for,
  where several things are asked of that picture.

``segmentation`` is a COCO segmentation; null or an empty list says that nothing is there. Objects of one question are
the masks of one answer, in their order.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from data import masks
from data.sample import REJ, SEG
from eval.predictions import Given, Prediction

KEYS = ("id", "ref_id", "image_id")


def is_list(path: Path) -> bool:
    """Whether a file is such a list, by its first letter that is no blank."""
    with path.open(encoding="utf-8") as text:
        while letter := text.read(1):
            if not letter.isspace():
                return letter == "["
    return False


def read(path: Path, wanted: Mapping[str, Prediction]) -> list[Prediction]:
    """The answers of a file to the questions of a benchmark (:func:`eval.rescoring.expected`).

    Raises:
        ValueError: the file is no such list, or an object answers no question or has no mask; it is named.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(rows, list):
        raise ValueError(f"{path}: expected a list of masks, found {type(rows).__name__}")
    places = _Places(wanted.values())
    answers: dict[str, list[Given]] = {}
    for number, row in enumerate(rows, start=1):
        where = f"{path}, object {number}"
        if not isinstance(row, dict):
            raise ValueError(f"{where}: expected keys and values, found {row!r:.60}")
        for question in places.of(row, where):
            answers.setdefault(question.id, []).extend(_given(row, question, where))
    return [_answered(wanted[id], given) for id, given in answers.items()]


def _given(row: Mapping[str, Any], question: Prediction, where: str) -> list[Given]:
    if "segmentation" not in row:
        raise ValueError(f"{where}: has no segmentation: give a mask, or null where nothing is there")
    score = row.get("score", 1.0)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError(f"{where}: its score is {score!r:.60}: expected a number")
    phrase = _phrase(question)
    if row["segmentation"] in (None, []):
        return [Given(phrase, None, float(score))]
    return [Given(phrase, masks.from_coco(row["segmentation"], question.size, where), float(score))]


def _phrase(question: Prediction) -> str:
    targets = question.truth.targets if question.truth is not None else ()
    return targets[0].phrase if len(targets) == 1 else ""


def _answered(question: Prediction, given: Iterable[Given]) -> Prediction:
    kept = tuple(given)
    return replace(question, answer=" ".join(REJ if one.rle is None else SEG for one in kept), given=kept)


class _Places:
    """Questions by all that an object may call them."""

    def __init__(self, wanted: Iterable[Prediction]) -> None:
        self._by: dict[tuple[str, str], list[Prediction]] = {}
        last: dict[str, Prediction] = {}
        for one in wanted:
            sample = one.id.rpartition("/")[0]
            self._add("id", one.id, one)
            last[sample] = one  # a conversation's turns come in order
            if one.truth is None or not one.truth.targets:
                continue
            file = PurePosixPath(one.image)
            digits = file.stem.rpartition("_")[2]
            number = str(int(digits)) if digits.isascii() and digits.isdecimal() else ""  # COCO_train2014_000000000042
            for name in {one.image, file.name, file.stem, number}:
                self._add("image_id", name, one)
            parts = sample.split("/")
            if len(parts) >= 2:
                self._add("ref_id", parts[-2], one)
        for sample, one in last.items():
            self._add("id", sample, one)

    def _add(self, key: str, name: str, one: Prediction) -> None:
        if name:
            self._by.setdefault((key, name), []).append(one)

    def of(self, row: Mapping[str, Any], where: str) -> list[Prediction]:
        """The questions that an object answers.

        Raises:
            ValueError: there is none, or more than it can mean.
        """
        key = next((name for name in KEYS if row.get(name) is not None), None)
        if key is None:
            raise ValueError(f"{where}: says not which question it answers: give {', '.join(KEYS[:-1])} or {KEYS[-1]}")
        named = str(row[key])
        found = self._by.get((key, named), [])
        if not found:
            raise ValueError(f"{where}: the benchmark has no question of {key} {named!r:.80}")
        if key == "ref_id" and row.get("sentence") is not None:
            found = [one for one in found if _is(row["sentence"], one)]
        if key == "image_id":
            said = row.get("category") or row.get("question")
            found = [one for one in found if said is None or _is(said, one)]
            if len(found) > 1:
                raise ValueError(
                    f"{where}: {len(found)} things are asked of picture {named}: say which by category, or give the id"
                )
        if not found:
            raise ValueError(f"{where}: no question of {key} {named} asks for what it says")
        return found


def _is(said: Any, question: Prediction) -> bool:
    """Whether a sentence, by its place or its words, is what a question asks for."""
    if isinstance(said, int):
        return question.id.split("/")[-2] == str(said)
    targets = question.truth.targets if question.truth is not None else ()
    words = [question.question, *(target.phrase for target in targets)]
    return any(_plain(str(said)) == _plain(one) for one in words)


def _plain(text: str) -> str:
    return " ".join(text.lower().strip(" .?!").split())
