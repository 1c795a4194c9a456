"""What all processes of a run must agree on: counts of targets, and whether to save, to stop or to go on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed


class Processes:
    """The processes of a run, over a gloo group of their own in main memory: no device waits for what they agree on.

    Attributes:
        count: how many there are.
        number: which one this is.
    """

    def __init__(self) -> None:
        several = distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
        self.count = distributed.get_world_size() if several else 1
        self.number = distributed.get_rank() if several else 0
        self._group: Any = distributed.new_group(backend="gloo") if several else None

    @classmethod
    def alone(cls) -> "Processes":
        """As if there were but this one."""
        made = cls.__new__(cls)
        made.count, made.number, made._group = 1, 0, None
        return made

    @property
    def first(self) -> bool:
        return self.number == 0

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """The sum of each number over all processes; every process gives as many."""
        if self._group is None:
            return list(numbers)
        made = torch.tensor(list(numbers), dtype=torch.float64)
        distributed.all_reduce(made, group=self._group)
        return [float(number) for number in made]

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process."""
        return self.sum([float(flag)])[0] > 0

    def every(self, thing: Any) -> list[Any]:
        """What each process gives, in all of them."""
        if self._group is None:
            return [thing]
        made: list[Any] = [None] * self.count
        distributed.all_gather_object(made, thing, group=self._group)
        return made

    def wait(self) -> None:
        """For all processes to come here."""
        self.sum([0.0])
