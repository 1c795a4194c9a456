"""An answer while it is written: the model works in a thread of its own, so that the page goes on and can stop it."""

import logging
import threading
from collections.abc import Callable, Sequence

import numpy as np

from app.engine import Asks
from model.answer import Answer

log = logging.getLogger(__name__)


class Writing:
    """One question on its way.

    Args:
        model: what answers it.
        image: ``(H, W, 3)`` uint8 RGB.
        question: in words.
        history: what was said before.
        wanted: asked now and then; the answer is stopped once nobody waits for it any more.
    """

    def __init__(
        self,
        model: Asks,
        image: np.ndarray,
        question: str,
        history: Sequence[tuple[str, str]],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self.question = question
        self.text = ""
        self.place: int | None = None
        self.answer: Answer | None = None
        self.problem: str | None = None
        self._stopped = threading.Event()
        self._wanted = wanted
        self._work = threading.Thread(target=self._run, args=(model, image, list(history)), daemon=True)

    def start(self, patience: float = 0.0) -> None:
        """Begin, and wait a moment: an answer that is ready at once needs no second look."""
        self._work.start()
        self._work.join(patience)

    def stop(self) -> None:
        """End it after the word that is being written; what is there by then is its answer."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    @property
    def queued(self) -> bool:
        """Whether others are asked before it."""
        return bool(self.place) and not self.text

    @property
    def done(self) -> bool:
        """Whether there is an answer, or a reason why there is none."""
        return self.answer is not None or self.problem is not None

    def _run(self, model: Asks, image: np.ndarray, history: list[tuple[str, str]]) -> None:
        try:
            self.answer = model.ask(image, self.question, history, self._words, self._queued)
        except ValueError as error:
            self.problem = str(error)
        except BaseException:  # else the page would wait for ever
            log.exception("a question failed")
            self.problem = "the question failed; ask it again"

    def _words(self, text: str) -> bool:
        self.text = text
        self.place = 0
        return self._going()

    def _queued(self, place: int) -> bool:
        self.place = place
        return self._going()

    def _going(self) -> bool:
        return not self._stopped.is_set() and self._wanted()
