"""What is read off while something runs: calls of the networks, the time inside them, memory."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from benchmarks.harness import wait
from model.grounding import GroundingModel


def networks(model: GroundingModel) -> dict[str, nn.Module]:
    """The networks of a LLaVA and a SAM by the names that the table has for them. What an answer does outside them is
    our overhead."""
    llava, segmenter = cast(Any, model.backbone).llava, cast(Any, model.segmenter)
    return {
        "vision tower": model.backbone.tower,
        "projector": llava.model.multi_modal_projector,
        "language model": llava.model.language_model,
        "lm_head": llava.lm_head,
        "SAM encoder": segmenter.image_encoder,
        "SAM prompt encoder": segmenter.prompt_encoder,
        "SAM decoder": segmenter.mask_decoder,
    }


@dataclass
class Calls:
    """How often each network ran, and how many token positions (rows x length) the language model went over."""

    passes: Counter[str] = field(default_factory=Counter)
    positions: int = 0


@contextmanager
def counted(model: GroundingModel) -> Iterator[Calls]:
    """Count the calls of the networks."""
    calls = Calls()

    def hook(name: str) -> Callable[..., None]:
        def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            calls.passes[name] += 1
            if name == "language model":
                rows, length = kwargs["inputs_embeds"].shape[:2]
                calls.positions += rows * length

        return before

    handles = [
        module.register_forward_pre_hook(hook(name), with_kwargs=True) for name, module in networks(model).items()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def timed(model: GroundingModel, device: torch.device) -> Iterator[dict[str, float]]:
    """Seconds spent inside each network; a GPU is waited for before and after each."""
    spent: dict[str, float] = defaultdict(float)
    handles = []
    for name, module in networks(model).items():
        began: list[float] = []

        def before(*_: object, began: list[float] = began) -> None:
            wait(device)
            began.append(time.perf_counter())

        def after(*_: object, name: str = name, began: list[float] = began) -> None:
            wait(device)
            spent[name] += time.perf_counter() - began.pop()

        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        yield spent
    finally:
        for handle in handles:
            handle.remove()


class Allocations:
    """Bytes of tensors, at their most, beyond what stood when it began: every allocation of torch counts, also inside
    an operation."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        activities = [torch.profiler.ProfilerActivity.CPU]
        self._profiler = torch.profiler.profile(activities=activities, profile_memory=True)
        self._before = 0

    def begin(self) -> "Allocations":
        """Look from now on."""
        if self.device.type == "cuda":
            wait(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        else:
            self._profiler.__enter__()
        return self

    def end(self) -> int:
        """The bytes until now."""
        if self.device.type == "cuda":
            wait(self.device)
            return torch.cuda.max_memory_allocated(self.device) - self._before
        self._profiler.__exit__(None, None, None)
        made: Any = self._profiler.profiler
        events = [event for event in made.kineto_results.events() if event.name() == "[memory]"]
        now = most = 0
        for event in sorted(events, key=lambda event: event.start_ns()):
            now += event.nbytes()
            most = max(most, now)
        return most


def peak_allocated(run: Callable[[], object], device: torch.device) -> int:
    """Bytes of tensors, at their most, beyond what stood before a run."""
    looking = Allocations(device).begin()
    run()
    return looking.end()


def peak_resident(run: Callable[[], object]) -> tuple[int, int] | None:
    """Bytes of the process that are in memory: at their most during a run, and before it. None where the system does
    not tell (Linux does)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is resident now
        before = _status("VmRSS")
        run()
        return _status("VmHWM"), before
    except OSError:
        return None


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}")
