"""Many small records in one block of bytes that all forked workers share: lists of Python objects are copied into every
worker as soon as they are counted."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


class Store(Sequence[Any]):
    """Records of plain values (as JSON has them), read-only. Unpacked one at a time.

    Args:
        records: in order.
    """

    def __init__(self, records: Iterable[Any]) -> None:
        packed = [json.dumps(record, separators=(",", ":")).encode() for record in records]
        # Not in /dev/shm: containers give that little room.
        self._ends = np.cumsum([len(one) for one in packed], dtype=np.int64)
        self._bytes = np.frombuffer(b"".join(packed), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no record {index} among {len(self)}")
        begin = int(self._ends[index - 1]) if index else 0
        return json.loads(self._bytes[begin : int(self._ends[index])].tobytes())
