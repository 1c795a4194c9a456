"""An answer in words and as JSON; a scene with its truth."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from data import masks
from data.drawing import overlay
from data.sample import Sample
from model.answer import Answer
from model.tokens import MARK, unmarked

_TAGS = re.compile(r"\s*</?(?:think|answer)>\s*")


def as_json(answer: Answer) -> dict[str, Any]:
    """``text``, ``segments`` (``phrase``, ``rejected``, ``score``, ``rle``: COCO, null when rejected), ``timings``."""
    return {
        "text": answer.text,
        "segments": [
            {
                "phrase": segment.phrase,
                "rejected": segment.rejected,
                "score": round(segment.score, 4),
                "rle": None if segment.rejected else masks.encode(segment.mask),
            }
            for segment in answer.segments
        ],
        "timings": {stage: round(seconds, 4) for stage, seconds in answer.timings.items()},
    }


def as_text(answer: Answer) -> str:
    """The answer's words without marks, and a line for each thing that it names."""
    lines = [read_aloud(answer)]
    for segment in answer.segments:
        what = "not here" if segment.rejected else f"{int(segment.mask.sum())} pixels, score {segment.score:.2f}"
        lines.append(f"  {segment.phrase or 'this'}: {what}")
    return "\n".join(lines)


def pieces(answer: Answer) -> list[tuple[str, int | None]]:
    """An answer's words in order, without marks: those that name a thing with its segment's number, all others with
    None."""
    made: list[tuple[str, int | None]] = []
    start = 0
    if any(segment.span is not None for segment in answer.segments):
        return _spoken(answer)
    for number, (mark, segment) in enumerate(zip(MARK.finditer(answer.text), answer.segments, strict=False)):
        words = answer.text[start : mark.start()].rstrip()
        split = words.lower().rfind(segment.phrase.lower()) if segment.phrase else -1
        split = len(words) if split < 0 else split
        made += [(words[:split], None), (words[split:], number)]
        start = mark.end()
    return [*made, (MARK.sub("", answer.text[start:]), None)]


def _spoken(answer: Answer) -> list[tuple[str, int | None]]:
    """The words of an answer that places things by coordinates, which a person reads as the names of the things, and
    what was thought before it as words."""
    made: list[tuple[str, int | None]] = []
    start = 0
    for number, segment in enumerate(answer.segments):
        begin, end = segment.span or (start, start)
        before = _TAGS.sub(" ", answer.text[start:begin]) or (", " if number else "")
        made += [(before, None), (segment.phrase or "this", number)]
        start = end
    return [*made, (_TAGS.sub(" ", answer.text[start:]), None)]


def read_aloud(answer: Answer) -> str:
    """An answer's words as a person reads them, without marks and coordinates."""
    return unmarked("".join(words for words, _ in pieces(answer)))


def marked(answer: Answer, wrap: Callable[[str, int], str]) -> str:
    """An answer's words as safe HTML, without marks: ``wrap`` puts an element round those that name a thing, which it
    is given with the number of the segment."""
    texts = ((html.escape(words), number) for words, number in pieces(answer))
    return "".join(text if number is None else wrap(text, number) for text, number in texts)


def write_sample(sample: Sample, folder: Path, truth: bool = False) -> dict[str, Any]:
    """Write a sample's picture as ``ID.png``, and with ``truth`` its true masks over it as ``ID-truth.png``.

    Returns:
        ``id``, ``image`` (the file's name) and ``turns``, each with ``question``, ``answer``, ``kind`` and ``targets``
        (``phrase``, ``empty``, ``rle``: COCO, null where the thing is not in the picture).
    """
    image = sample.load()
    Image.fromarray(image).save(folder / f"{sample.id}.png")
    if truth:
        found = [masks.decode(target.rle) for turn in sample.turns for target in turn.targets if target.rle is not None]
        Image.fromarray(overlay(image, found)).save(folder / f"{sample.id}-truth.png")
    turns = [
        {
            "question": turn.question,
            "answer": turn.answer,
            "kind": turn.kind,
            "targets": [{"phrase": t.phrase, "empty": t.absent, "rle": t.rle} for t in turn.targets],
        }
        for turn in sample.turns
    ]
    return {"id": sample.id, "image": f"{sample.id}.png", "turns": turns}
