"""One model in memory for every session of the page; questions take turns."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from model.answer import Answer
from model.predictor import Predictor

log = logging.getLogger(__name__)


class Asks(Protocol):
    """What the page needs of a model."""

    def ask(
        self,
        image: np.ndarray,
        question: str,
        history: Sequence[tuple[str, str]],
        on_text: Callable[[str], bool] | None = None,
    ) -> Answer:
        """Answer a question about a picture; ValueError says in one line what is wrong with it."""


class Engine:
    """A predictor behind a lock: it holds one current picture, and the sessions each have their own."""

    def __init__(self, checkpoint: Path) -> None:
        self._predictor = Predictor.from_pretrained(checkpoint)
        self._lock = threading.Lock()

    def ask(
        self,
        image: np.ndarray,
        question: str,
        history: Sequence[tuple[str, str]],
        on_text: Callable[[str], bool] | None = None,
    ) -> Answer:
        """Answer a question about a picture.

        Raises:
            ValueError: the question is empty or too long, or the model failed (the log has why).
        """
        with self._lock:
            try:
                self._predictor.set_image(image)
                return self._predictor.ask(question, history, on_text)
            except ValueError:
                raise
            except Exception as error:  # one failed question must not end the page
                log.exception("the model failed")
                raise ValueError("the model failed on this question; ask it in other words, or another one") from error
