"""Segments kept for corrections, each under a name that nobody can guess; bounded in number, bytes and time."""

import secrets
import threading
import time
from collections import Counter, OrderedDict

import numpy as np

from model.answer import Segment

NUMBER = 256
BYTES = 256 * 2**20
SECONDS = 1800.0


class Shelf:
    """The newest segments with their pictures; a picture that several lie in is held once, whoever sent it."""

    def __init__(self, number: int = NUMBER, room: int = BYTES, seconds: float = SECONDS) -> None:
        self._number, self._room, self._seconds = number, room, seconds
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, Segment]] = OrderedDict()
        self._pictures: dict[str, np.ndarray] = {}  # by the predictor's name, made of all their pixels
        self._uses: Counter[str] = Counter()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def put(self, image: np.ndarray, segment: Segment) -> str:
        """Keep a segment; returns its handle."""
        handle, name = secrets.token_urlsafe(16), segment.evidence.picture
        with self._lock:
            if name not in self._pictures:
                self._pictures[name] = image
                self.bytes += image.nbytes
            self._uses[name] += 1
            self._held[handle] = (time.monotonic(), segment)
            self.bytes += _weight(segment)
            while len(self._held) > 1 and (len(self._held) > self._number or self.bytes > self._room):
                self._drop(next(iter(self._held)))  # the newest is kept whatever it weighs
            self._expire()
        return handle

    def get(self, handle: str) -> tuple[np.ndarray, Segment]:
        """A picture and a segment of it.

        Raises:
            KeyError: it is not kept, or no more.
        """
        with self._lock:
            self._expire()
            _, segment = self._held[handle]
            return self._pictures[segment.evidence.picture], segment

    def _expire(self) -> None:
        limit = time.monotonic() - self._seconds
        while self._held and next(iter(self._held.values()))[0] < limit:
            self._drop(next(iter(self._held)))

    def _drop(self, handle: str) -> None:
        _, segment = self._held.pop(handle)
        name = segment.evidence.picture
        self._uses[name] -= 1
        if not self._uses[name]:
            del self._uses[name]
            self.bytes -= self._pictures.pop(name).nbytes
        self.bytes -= _weight(segment)


def _weight(segment: Segment) -> int:
    """Bytes of a segment: its mask, map and prompts."""
    prompts = segment.evidence.prompts
    parts = (prompts.embeddings, prompts.points, prompts.labels, prompts.mask, segment.evidence.low)
    return segment.mask.nbytes + segment.evidence.map.nbytes + sum(part.nbytes for part in parts if part is not None)
