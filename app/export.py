"""What an answer or a scene leaves behind: words, JSON, masks and an overlay."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.drawing import overlay
from data import masks
from data.sample import Sample
from model.answer import Answer
from model.tokens import unmarked


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
    lines = [unmarked(answer.text)]
    for segment in answer.segments:
        what = "not here" if segment.rejected else f"{int(segment.mask.sum())} pixels, score {segment.score:.2f}"
        lines.append(f"  {segment.phrase or 'this'}: {what}")
    return "\n".join(lines)


def write(answer: Answer, image: np.ndarray, folder: Path) -> list[Path]:
    """Write ``overlay.png`` and one black-and-white PNG for each mask; returns the files.

    Raises:
        ValueError: the folder cannot be written.
    """
    given = [segment for segment in answer.segments if not segment.rejected]
    files = [folder / "overlay.png"]
    with writing(folder):
        Image.fromarray(overlay(image, [segment.mask for segment in given])).save(files[0])
        for number, segment in enumerate(given, start=1):
            files.append(folder / f"mask-{number:02d}-{_slug(segment.phrase)}.png")
            Image.fromarray(segment.mask.astype(np.uint8) * 255).save(files[-1])
    return files


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


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make a folder if need be; what cannot be written inside the block becomes one plain line.

    Raises:
        ValueError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ValueError(f"{folder} cannot be written ({error.strerror or error}); name another folder") from error


def _slug(phrase: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", phrase.lower()).strip("-")[:40] or "mask"
