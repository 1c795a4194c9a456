"""Many small values in one block of bytes that all forked workers share: lists of Python objects are copied into every
worker as soon as they are counted."""

import marshal
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


class Pile:
    """Plain values (as JSON has them), packed one behind the other; a value is known by its place.

    Only what was packed here is unpacked, never a file: in Python's own form numbers are packed many times as fast as
    in JSON.
    """

    def __init__(self) -> None:
        self._block = bytearray()  # not in /dev/shm: containers give that little room

    def put(self, value: Any) -> int:
        """Pack a value; its place."""
        place = len(self._block)
        self._block += marshal.dumps(value)
        return place

    def __getitem__(self, place: int) -> Any:
        return marshal.loads(memoryview(self._block)[place:])  # it ends by itself


class Store(Sequence[Any]):
    """Records of plain values, read-only. Unpacked one at a time.

    Args:
        records: in order.
    """

    def __init__(self, records: Iterable[Any]) -> None:
        self._pile = Pile()
        self._places = np.array([self._pile.put(record) for record in records], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no record {index} among {len(self)}")
        return self._pile[int(self._places[index])]
