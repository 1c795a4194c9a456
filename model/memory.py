"""What has been computed of pictures, kept as long as there is room for it."""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import torch

# Where a container reads its own limit, by version 2 and 1 of control groups.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Sized(Protocol):
    """A thing that knows how much memory it takes."""

    @property
    def bytes(self) -> int:
        """What it takes now; it may grow."""


T = TypeVar("T", bound=Sized)


class Memory(Generic[T]):
    """Keeps the things used last, at most ``limit`` bytes of them; the newest is kept even if it is larger by itself.

    Attributes:
        limit: bytes.
        bytes: what is held, as last weighed.
        hits, misses: how often a thing asked for was there, and how often not.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0
        self.hits, self.misses = 0, 0
        self._held: OrderedDict[str, T] = OrderedDict()
        self._weights: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def get(self, name: str) -> T | None:
        """The thing of that name, if it is still there; it is now the newest."""
        if name not in self._held:
            self.misses += 1
            return None
        self.hits += 1
        self._held.move_to_end(name)
        return self._held[name]

    def keep(self, name: str, thing: T) -> None:
        """Keep a thing as the newest, or weigh it again; the oldest go if there is no room."""
        self.bytes -= self._weights.pop(name, 0)
        self._held[name] = thing
        self._held.move_to_end(name)
        self._weights[name] = thing.bytes
        self.bytes += self._weights[name]
        while self.bytes > self.limit and len(self._held) > 1:
            old, _ = self._held.popitem(last=False)
            self.bytes -= self._weights.pop(old)

    def clear(self) -> None:
        """Let everything go."""
        self._held.clear()
        self._weights.clear()
        self.bytes = 0


def room(device: torch.device) -> int:
    """An eighth of the memory of a device, in bytes: of a GPU its own, and a quarter of what is free there at most, for
    an answer needs room beside the model; else the machine's, or what a container may have of it."""
    if device.type == "cuda":
        free, whole = torch.cuda.mem_get_info(device)
        return min(whole // 8, free // 4)
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # a system that does not tell
        whole = 2**33
    return min([whole, *_allowed()]) // 8


def _allowed() -> list[int]:
    """What the control group of this process may take of the machine's memory, in bytes; none if nothing limits it."""
    texts = [path.read_text(encoding="ascii").strip() for path in LIMITS if path.is_file()]
    return [int(text) for text in texts if text.isdigit()]  # "max" is no limit
