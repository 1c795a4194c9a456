"""What a predictor keeps of a picture, and how it takes the time."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from model.backbones.base import Prefix
from model.grounding import Layers
from model.segmenters.base import Features

LOOKED = 8  # marks of a picture whose layers are kept


@dataclass
class Seen:
    """What is kept of an image: filled when first needed."""

    name: str
    image: np.ndarray
    prefix: Prefix | None = None
    features: Features | None = None
    layers: dict[bytes, Layers] = field(default_factory=dict)  # of the marks looked at last, by what was said to them

    @property
    def bytes(self) -> int:
        """Its pixels, keys and values, states, features, and layers of marks."""
        read = 0 if self.prefix is None else self.prefix.bytes
        encoded = 0 if self.features is None else self.features.tensor.nbytes
        return self.image.nbytes + read + encoded + sum(layers.bytes for layers in self.layers.values())

    def look(self, said: torch.Tensor, make: Callable[[], Layers]) -> Layers:
        """All layers of a mark, by what was said up to it, from those looked at last or newly made."""
        key = hashlib.blake2b(said.numpy().tobytes(), digest_size=16).digest()
        made = self.layers.pop(key, None) or make()
        self.layers[key] = made
        while len(self.layers) > LOOKED:
            del self.layers[next(iter(self.layers))]
        return made


class Timer:
    """Notes the seconds spent inside as a stage of each answer that they were spent for, in equal shares."""

    def __init__(self, timings: Sequence[dict[str, float]], stage: str) -> None:
        self._timings, self._stage = timings, stage

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        if torch.cuda.is_initialized():  # a stage has ended when its work has, not when it was launched
            torch.cuda.synchronize()
        spent = time.perf_counter() - self._begin
        for stages in self._timings:
            stages[self._stage] = spent / len(self._timings)
