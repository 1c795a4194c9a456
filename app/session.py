"""What one session of the page holds."""

from dataclasses import dataclass, field

import numpy as np

from model.answer import Answer

LONGEST = 10_000  # characters of a question; the model's own limit is lower and has its own message


@dataclass(frozen=True)
class Exchange:
    """A question with its answer, or with the reason why there is none."""

    question: str
    answer: Answer | None
    problem: str | None = None


@dataclass
class Session:
    """A picture and the conversation about it.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB, or None before one is chosen.
        name: what the page calls it.
        suggestions: questions that fit the picture.
        exchanges: the conversation so far.
        scene: number of the next new scene.
        upload: of the file taken last, so that a rerun does not take it again.
    """

    image: np.ndarray | None = None
    name: str = ""
    suggestions: tuple[str, ...] = ()
    exchanges: list[Exchange] = field(default_factory=list)
    scene: int = 0
    upload: str | None = None

    def show(self, image: np.ndarray, name: str, suggestions: tuple[str, ...] = ()) -> None:
        """Begin a conversation about another picture."""
        self.image, self.name, self.suggestions = image, name, suggestions
        self.exchanges = []

    def history(self) -> list[tuple[str, str]]:
        """Questions and answer texts that the model has seen."""
        return [(e.question, e.answer.text) for e in self.exchanges if e.answer is not None]

    def last(self) -> Answer | None:
        """The newest answer."""
        return next((e.answer for e in reversed(self.exchanges) if e.answer is not None), None)
