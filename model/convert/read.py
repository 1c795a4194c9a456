"""READ (Qian et al. 2024): LISA's embedding and Similarity as Points, on LLaVA-1.5; it cannot reject."""

from dataclasses import dataclass
from typing import Any, Literal

from model.convert._system import Template, Traits

RELEASES: dict[int, dict[str, Any]] = {
    30: {"factor": 2, "positive": 0.8, "negative": 0.2, "keep": 30},
    60: {"factor": 1, "positive": 0.6, "negative": 0.2, "keep": 60},
    15: {"factor": 2, "positive": 0.8, "negative": 0.2, "keep": 15},
}


@dataclass(frozen=True)
class Settings:
    """Settings.

    Attributes:
        template: of the conversation.
        release: the point settings by the number of points: they are not in the checkpoint.
        factor, positive, keep: instead of the release's.
    """

    template: Template = "llava_v1"
    release: Literal[30, 60, 15] = 30
    factor: int | None = None
    positive: float | None = None
    keep: int | None = None


def traits(settings: Settings) -> Traits:
    """READ's conventions."""
    given = {"factor": settings.factor, "positive": settings.positive, "keep": settings.keep}
    points = {**RELEASES[settings.release], **{key: value for key, value in given.items() if value is not None}}
    return Traits("read", settings.template, {"embedding": {}, "points": points})
