"""What an answer leaves behind: JSON, masks and an overlay."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.drawing import overlay
from data import masks
from model.answer import Answer


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


def write(answer: Answer, image: np.ndarray, folder: Path) -> list[Path]:
    """Write ``overlay.png`` and one black-and-white PNG for each mask; returns the files.

    Raises:
        ValueError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        given = [segment for segment in answer.segments if not segment.rejected]
        files = [folder / "overlay.png"]
        Image.fromarray(overlay(image, [segment.mask for segment in given])).save(files[0])
        for number, segment in enumerate(given, start=1):
            files.append(folder / f"mask-{number:02d}-{_slug(segment.phrase)}.png")
            Image.fromarray(segment.mask.astype(np.uint8) * 255).save(files[-1])
    except OSError as error:
        raise ValueError(f"{folder} cannot be written ({error.strerror or error}); name another folder") from error
    return files


def _slug(phrase: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", phrase.lower()).strip("-")[:40] or "mask"
