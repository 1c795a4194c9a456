"""Speed and memory of training: as it is done here against one by one, and what a run of larger size takes.

python -m benchmarks.training                            # samples a second of the model that ships
python -m benchmarks.training --size small               # supervised and GRPO steps of random weights
python -m benchmarks.training --size full --processes 8  # LLaVA-1.5-7B with SAM ViT-H, on GPUs

At ``tiny`` the same conversations are learned twice: packed behind their pictures, pictures of like length together and
the segmenter's features from the cache; and one conversation a pass, its picture read and encoded anew. Every mask is
drawn both ways, and the losses are the same. At the other sizes whole runs are started, as ``pinpoint train`` starts
them, and looked at from inside (:mod:`benchmarks.watched`): peak memory of a process by part, against what
``--dry-run`` reckons; samples and tokens a second; and the share of the device's speed, measured by a product of two
matrices in the same process, that the arithmetic of the steps makes up (model FLOP utilisation).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
import yaml

from app.arguments import CHECKPOINT
from benchmarks import table
from benchmarks.bench import config, random_model
from benchmarks.harness import Result, Spread, alternate
from model.grounding import GroundingModel
from model.placement import Machine, Placement
from train import lora, recipe
from train.batches import Item, length
from train.objectives import grounding
from train.parameters import groups

ROOT = Path(__file__).resolve().parent.parent
PICTURES, LOTS, CONVERSATIONS = 8, 2, 8
# Every mask and no click, so that both ways have the same losses.
OPTIONS = grounding.Options(conversations=CONVERSATIONS, dense=0.0, images=PICTURES, masks=10**6, corrected=0.0)
TRAIN = {"lora_": 1e-4, r"^model\.channels\.": 1e-4, r"^model\.segmenter\.(mask_decoder|prompt_encoder)\.": 1e-4}
TOLERANCE = 1e-4


def tiny(device: torch.device, repeats: int | None) -> tuple[Result, str]:
    """Samples a second of both ways.

    Raises:
        ValueError: the losses differ.
    """
    model = GroundingModel.from_pretrained(CHECKPOINT, Placement(device=str(device)))
    lora.attach(model, recipe.Lora())
    model.to(device).train()
    data = grounding.dataset(model, OPTIONS, 0, PICTURES)
    items = [data[index] for index in range(PICTURES)]
    single = [one for item in items for one in apart(item, model)]
    with tempfile.TemporaryDirectory() as folder:
        kept = grounding.Objective(model, replace(OPTIONS, features=folder))
        plain = grounding.Objective(model, OPTIONS)
        optimizer = torch.optim.AdamW(groups(plain, TRAIN, 0.0))
        lots = grounding.bucketed(items, LOTS)
        ways = [
            lambda: learn(model, kept, lots, optimizer),
            lambda: learn(model, plain, [[one] for one in single], optimizer),
        ]
        for group in optimizer.param_groups:
            group["lr"] = 0.0  # the first passes are compared; what a step costs does not depend on its rate
        ours, direct = (way() for way in ways)
        far = max(abs(ours[name] - direct[name]) / max(1.0, abs(direct[name])) for name in ours)
        if far > TOLERANCE:
            raise ValueError(f"both ways must have the same losses, and they differ by {far:.1e}: {ours} and {direct}")
        times = alternate(ways, repeats, device)
    many = len(single)
    rates = [Spread(many / time.median, many / time.high, many / time.low, time.runs) for time in times]
    note = f"{many} conversations about {PICTURES} pictures; losses within {far:.0e}"
    tokens = [sum(length(item) for item in lot) for lot in (items, single)]
    return (
        Result("training", "supervised, float32, samples", rates[0], rates[1], "1/s", note),
        f"tokens read a step: {tokens[0]:,} packed, {tokens[1]:,} one by one",
    )


def apart(item: Item, model: GroundingModel) -> list[Item]:
    """An item for each conversation about a picture."""
    marks = torch.tensor([index for index in model.backbone.mark_ids if index >= 0])
    counts = [int(torch.isin(chat.labels, marks).sum()) for chat in item.chats]
    truth = item.masks.split(counts)
    ids = item.ids or ("",) * len(counts)
    return [
        replace(item, chats=(chat,), masks=mask, ids=(name,))
        for chat, mask, name in zip(item.chats, truth, ids, strict=True)
    ]


def learn(
    model: GroundingModel,
    objective: grounding.Objective,
    lots: Sequence[Sequence[Item]],
    optimizer: torch.optim.Optimizer,
) -> dict[str, float]:
    """One step on all lots, each loss the mean over all their targets; returns the losses."""
    batches = [grounding.collate(model, lot).to(model.device) for lot in lots]
    counts = [grounding.counts(model, OPTIONS, batch) for batch in batches]
    names = list(counts[0])
    totals = {name: sum(number for count in counts for number in count[name]) for name in names}
    summed = dict.fromkeys((*names, "loss"), 0.0)
    optimizer.zero_grad()
    for batch, count in zip(batches, counts, strict=True):
        shares = {name: sum(count[name]) / max(totals[name], 1e-6) for name in names}
        parts = objective(batch, shares)
        parts["loss"].backward()
        summed["loss"] += float(parts["loss"].detach())
        for name in names:
            if name in parts and any(count[name]):
                summed[name] += shares[name] * float(parts[name].detach())
    optimizer.step()
    return summed


def run(folder: Path, objective: str, size: str, processes: int, stage: str, steps: int) -> dict[str, Any]:
    """A run of random weights, and what it saw.

    Raises:
        RuntimeError: it failed; its own words are named.
    """
    machine = Machine.here()
    able = machine.gpu_bfloat16 if machine.gpus else machine.cpu_bfloat16
    precision: Literal["fp32", "bf16"] = "bf16" if able else "fp32"
    options: dict[str, Any] = {"conversations": 4, "dense": 0.0, "images": 1, "masks": 4, "corrected": 0.0}
    train = dict(TRAIN)
    if objective == "grpo":
        layer = {"policy": "group", "draws": 4, "lean": 3.0}
        options = {"generations": 4, "longest": 32, "layer": layer, "conversations": 4, "pictures": 0}
        train = {"lora_": 1e-4, r"^model\.policy\.": 1e-3}
    asked = {
        "objective": objective,
        "init": str(folder / size),
        "out": str(folder / f"{objective}-{stage}-{processes}"),
        "options": options,
        "lora": {"rank": 16},
        "train": train,
        "steps": steps + 3,
        "batch": 1 if objective == "grpo" else 2,
        "precision": precision,
        "frozen": precision,
        "deepspeed": stage,
        "report": [],
        "log_steps": 10**6,
        "save_steps": 10**6,
    }
    path, told = folder / "recipe.yaml", folder / "told.json"
    path.write_text(yaml.safe_dump(asked), encoding="utf-8")
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    done = subprocess.run(
        [*words, "-m", "benchmarks.watched", str(told), str(path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"a run failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return found


def lines(name: str, found: dict[str, Any], processes: int) -> list[str]:
    """What a run took, in words."""
    spent, steps = median(found["times"]), len(found["times"])
    low, high = min(found["times"]), max(found["times"])
    used = found["operations"] / sum(found["times"]) / found["rate"]
    each = processes / sum(found["times"])
    peak = found["standing"] + found["beyond"]
    rest = found["standing"] - found["weights"]
    made = [
        f"{name}: {spent:.2f} s a step ({low:.2f} .. {high:.2f}, {steps} steps), {found['samples'] * each:.2f} samples "
        f"and {found['tokens'] * each:.0f} tokens a second, {used:.0%} of {found['rate'] / 1e12:.2f} Tflop/s a process",
        f"  memory of a process at its peak {peak / 1e9:.2f} GB: weights {found['weights'] / 1e9:.2f}, optimizer and "
        f"other tensors between steps {rest / 1e9:.2f}, within a step {found['beyond'] / 1e9:.2f}",
    ]
    if "estimate" in found:
        parts = found["estimate"]
        reckoned = sum(parts.values())
        each_part = ", ".join(f"{part} {size / 1e9:.2f}" for part, size in parts.items())
        made.append(f"  --dry-run says {reckoned / 1e9:.2f} GB ({reckoned / peak - 1:+.0%}): {each_part}")
    return made


def larger(size: Literal["small", "full"], processes: int, steps: int) -> None:
    """Print what runs of random weights take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        device = torch.device("cuda" if size == "full" and torch.cuda.is_available() else "cpu")
        random_model(config(size), device).save_pretrained(folder / size)
        if device.type == "cuda":
            torch.cuda.empty_cache()
        for objective in ("grounding", "grpo"):
            for count, stage in dict.fromkeys(((1, "zero0"), (processes, "zero0"), (processes, "zero2"))):
                found = run(folder, objective, size, count, stage, steps)
                what = f"{objective}, {count} process{'es' * (count > 1)}, {stage}"
                print("\n".join(lines(what, found, count)), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 for what cannot be measured."""
    parser = argparse.ArgumentParser(description="Speed and memory of training.")
    parser.add_argument("--size", choices=("tiny", "small", "full"), default="tiny")
    parser.add_argument("--processes", type=int, default=2, help="of the runs that are divided (default 2)")
    parser.add_argument("--steps", type=int, default=4, help="that are timed, at small and full (default 4)")
    parser.add_argument("--repeats", type=int, help="runs of each way, at tiny")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="at tiny")
    args = parser.parse_args(arguments)
    device = torch.device(args.device)
    print(", ".join(f"{key} {value}" for key, value in table.environment(device).items()), flush=True)
    try:
        if args.size == "tiny":
            result, more = tiny(device, args.repeats)
            print(f"{table.text([result])}\n{more}")
        else:
            larger(args.size, args.processes, args.steps)
    except (ValueError, RuntimeError) as error:
        print(f"benchmarks.training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
