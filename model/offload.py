"""A module that waits in main memory and is lent to a device for the time of each call."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from torch import nn


class Offload:
    """Lends ``module``'s parameters and buffers, which nothing may change meanwhile, while it is called.

    What is lent is a copy: giving it back costs nothing. Between calls the device holds none of it.

    Args:
        module: in main memory.
        lend: makes the copy of a tensor, on the device.
    """

    def __init__(self, module: nn.Module, lend: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._copy = lend
        self._waiting = [(tensor, tensor.data) for tensor in chain(module.parameters(), module.buffers())]
        self._handles = [
            module.register_forward_pre_hook(self._lend),
            module.register_forward_hook(self._return, always_call=True),  # a call that fails too
        ]

    def remove(self) -> None:
        """Leave the module where it is: in main memory."""
        for handle in self._handles:
            handle.remove()

    @torch.inference_mode(False)  # a tensor made in inference mode cannot become a parameter's data
    def _lend(self, *_: Any) -> None:
        for tensor, waiting in self._waiting:
            tensor.data = self._copy(waiting)

    def _return(self, *_: Any) -> None:
        for tensor, waiting in self._waiting:
            tensor.data = waiting
