"""Keys and values of the tokens that a language model has read: written in place, never concatenated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

STEP = 64  # positions that a full layer grows by: an answer that ends early has not cost the room of a long one


class Layer(CacheLayerMixin):
    """One layer's ``keys`` and ``values``, ``(B, heads, T, d)``: views of the first T positions of a larger room.

    Args:
        room: positions to make room for at first.
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room, self._length = room, 0
        self._spaces: list[torch.Tensor] = []

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make room, once the sizes are known."""
        room = max(self._room, key_states.shape[2])
        self._spaces = [new.new_empty(*new.shape[:2], room, new.shape[3]) for new in (key_states, value_states)]
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the next positions; gives all that there are."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin, end = self._length, self._length + key_states.shape[2]
        if end > self._spaces[0].shape[2]:
            self._grow(end - begin + STEP)
        for space, new in zip(self._spaces, (key_states, value_states), strict=True):
            space[:, :, begin:end] = new
        self._show(end)
        return cast(torch.Tensor, self.keys), cast(torch.Tensor, self.values)

    def _grow(self, more: int) -> None:
        for number, space in enumerate(self._spaces):
            kept = space[:, :, : self._length]
            self._spaces[number] = space.new_empty(*space.shape[:2], self._length + more, space.shape[3])
            self._spaces[number][:, :, : self._length] = kept

    def _show(self, length: int) -> None:
        self._length = length
        self.keys, self.values = (space[:, :, :length] for space in self._spaces)

    def lay(self, rows: Sequence[Sequence["Part"]], layer: int) -> None:
        """Begin anew: each row is its parts end to end, right-aligned; zeros before them, since a masked NaN is one."""
        width = max(sum(part.length for part in row) for row in rows)
        example = rows[0][0].cache.layers[layer]
        self._spaces = []
        for which in ("keys", "values"):
            one = getattr(example, which)
            space = one.new_empty(len(rows), one.shape[1], max(width, self._room), one.shape[3])
            for line, row in zip(space, rows, strict=True):
                place = width
                for part in reversed(row):
                    place -= part.length
                    line[:, place : place + part.length] = getattr(part.cache.layers[layer], which)[0, :, : part.length]
                line[:, :place] = 0
            self._spaces.append(space)
        self.is_initialized = True
        self._show(width)

    def keep(self, rows: torch.Tensor) -> None:
        """Only these rows of the batch, int64."""
        self._spaces = [space[rows] for space in self._spaces]
        self._show(self._length)

    def of_row(self, row: int, columns: torch.Tensor) -> "Layer":
        """A copy of some positions (int64) of one row, in no larger room than they need."""
        made = Layer(len(columns))
        made.update(*(space[row : row + 1].index_select(2, columns) for space in self._spaces))
        return made

    @property
    def bytes(self) -> int:
        """Of its whole room."""
        return sum(space.numel() * space.element_size() for space in self._spaces)

    def get_seq_length(self) -> int:
        """T."""
        return self._length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many positions the next ``query_length`` tokens see, and where those begin."""
        return self._length + query_length, 0

    def get_max_length(self) -> int:
        """-1: none."""
        return -1


class KeyValues(Cache):
    """The cache of all layers.

    Args:
        layers: of the language model.
        room: positions to make room for at first.
    """

    layers: list[Any]  # of Layer; the library's own annotation leaves no choice

    def __init__(self, layers: int, room: int) -> None:
        super().__init__(layers=[Layer(room) for _ in range(layers)])

    @classmethod
    def laid(cls, rows: Sequence[Sequence["Part"]], more: int) -> "KeyValues":
        """A batch whose rows go on from what was read before.

        Args:
            rows: each the parts of other caches of one row that it begins with, end to end; right-aligned.
            more: positions to make room for after them.
        """
        depth = len(rows[0][0].cache.layers)
        made = cls(depth, max(sum(part.length for part in row) for row in rows) + more)
        for index, layer in enumerate(made.layers):
            layer.lay(rows, index)
        return made

    def keep(self, rows: torch.Tensor) -> None:
        """Only these rows of the batch, int64."""
        for layer in self.layers:
            layer.keep(rows)

    def of_row(self, row: int, columns: torch.Tensor) -> "KeyValues":
        """A compact copy of some positions (int64) of one row."""
        made = KeyValues(0, 0)
        made.layers = [layer.of_row(row, columns) for layer in self.layers]
        return made

    @property
    def length(self) -> int:
        """T, positions held."""
        return self.layers[0].get_seq_length()

    @property
    def bytes(self) -> int:
        """Of all that is allocated."""
        return sum(layer.bytes for layer in self.layers)


@dataclass(frozen=True)
class Part:
    """The first ``length`` positions of a cache of one row."""

    cache: KeyValues
    length: int
