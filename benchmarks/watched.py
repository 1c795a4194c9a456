"""A training run that tells what its steps take; :mod:`benchmarks.training` starts it under ``torchrun``.

``python -m benchmarks.watched FILE RECIPE key=value ...``: the first process writes what it saw to FILE. Two steps warm
up, the memory of the third is looked at, the others are timed from end to end. Nothing is saved.
"""

import gc
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast
from unittest import mock

import torch

from benchmarks.harness import wait
from benchmarks.meters import Allocations
from train import budget, grpo, recipe, rehearsal, run
from train.batches import GroundingBatch
from train.callbacks import Rounds
from train.guarded import Guarded
from train.objectives import grounding
from train.objectives.grpo import Objective as Acting
from train.stopping import end_workers

WARM = 2

seen: dict[str, list[Any]] = {"batches": [], "rollouts": [], "read": []}


class Watch(Rounds):
    """Times the steps, and looks at the memory of one."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.found: dict[str, Any] = {"times": []}
        self._memory: Allocations | None = None
        self._begun = 0.0
        watches.append(self)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step != WARM:
            return
        parameters = list(self.plain.model.parameters())
        self.found["weights"] = sum(p.numel() * p.element_size() for p in parameters)
        self.found["standing"] = standing(args.device)
        self._memory = Allocations(args.device).begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._memory is not None:
            self.found["beyond"], self._memory = self._memory.end(), None
        super().on_step_end(args, state, control, **kwargs)
        wait(args.device)
        now = time.perf_counter()
        if state.global_step > WARM + 1:
            self.found["times"].append(now - self._begun)
        else:
            for kept in seen.values():
                kept.clear()
        self._begun = now


watches: list[Watch] = []


def standing(device: torch.device) -> int:
    """Bytes of all tensors between two steps."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    gc.collect()
    held = {}
    for thing in gc.get_objects():
        if isinstance(thing, torch.Tensor) and thing.device.type == device.type:
            storage = thing.untyped_storage()
            held[storage.data_ptr()] = storage.nbytes()
    return sum(held.values())


@contextmanager
def noting() -> Iterator[None]:
    """Keep what the objectives are given, for its shapes, and save nothing."""
    learn, act, write = grounding.Objective.forward, Acting.forward, grpo.roll_out

    def learned(self: Any, batch: GroundingBatch, shares: Any = None) -> Any:
        seen["batches"].append(batch)
        return learn(self, batch, shares)

    def acted(self: Any, batch: Any) -> Any:
        seen["read"].append((batch.ids.numel(), torch.is_grad_enabled()))
        return act(self, batch)

    def written(*given: Any) -> Any:
        made = write(*given)
        seen["rollouts"] += [(len(one.prompt.ids), len(one.ids), one.asked.number) for one in made]
        return made

    places: list[tuple[Any, str, Any]] = [
        (grounding.Objective, "forward", learned),
        (Acting, "forward", acted),
        (grpo, "roll_out", written),
        (run, "Rounds", Watch),
        (Guarded, "_save_checkpoint", lambda *_: None),
    ]
    with ExitStack() as stack:
        for owner, name, other in places:
            stack.enter_context(mock.patch.object(owner, name, other))
        yield


def told(found: dict[str, Any], asked: recipe.Recipe) -> dict[str, Any]:
    """What the timed steps were made of, and what a rehearsal says of them."""
    built, half = rehearsal.shapes(asked), asked.precision == "bf16"
    estimate = rehearsal.work_of(asked, built, torch.cuda.is_available())
    assert estimate is not None
    zero = budget.Zero.read(recipe.deepspeed_settings(asked), torch.distributed.get_world_size())
    parts = budget.state(built.objective, zero).device
    found["estimate"] = {**parts, "activations": estimate.kept, f"more while {estimate.when}": estimate.more}
    if asked.objective == "grounding":
        given: list[GroundingBatch] = [batch.to("cpu") for batch in seen["batches"]]
        options = built.options
        work = [budget.step(built.model, one, options.images, options.masks, half) for one in given]
        found["operations"] = sum(one.operations for one in work)
        found["samples"] = sum(len(chats) for batch in given for chats in batch.ids)
        found["tokens"] = sum(int((batch.chat.block >= 0).sum()) for batch in given)
        return found
    # A product with a weight is 2 operations a number and token: once for what is written and for what the reference
    # reads, twice for what the policy reads, whose weights themselves do not learn.
    text = cast(Any, built.model.backbone).network.model.language_model.layers
    numbers = sum(p.numel() for p in text.parameters() if not p.requires_grad)
    prompts = {number: length for length, _, number in seen["rollouts"]}
    tokens = sum(length for _, length, _ in seen["rollouts"])
    read = sum(count * (2 if learns else 1) for count, learns in seen["read"])
    pictures = len(prompts) * budget.encoder(built.model.segmenter, 1, half).operations
    found["operations"] = 2.0 * numbers * (sum(prompts.values()) + tokens + read) + pictures
    found["samples"], found["tokens"] = len(seen["rollouts"]), tokens
    return found


def main(arguments: list[str]) -> int:
    """Run, and write down what was seen."""
    path, *words = arguments
    asked = recipe.load(words[0], words[1:])
    with noting():
        run.train(asked)
    end_workers()
    device = watches[0].trainer.args.device
    rate = budget.rate(device, asked.precision == "bf16", time.perf_counter)
    torch.distributed.barrier()
    if torch.distributed.get_rank() == 0:
        found = told(watches[0].found, asked)
        Path(path).write_text(json.dumps({**found, "rate": rate}), encoding="utf-8")
    torch.distributed.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
