"""Placements side by side, on one model: seconds of each stage, memory, and whether the answers stay the same.

python -m benchmarks.placement                      the checkpoint that ships, with gIoU
python -m benchmarks.placement --preset pinpoint    random weights at full size (LLaVA-1.5-7B, SAM ViT-H), no gIoU

The first row, float32 with torch's attention, is what the others are compared with. A row whose package or device is
not there says so. On a GPU the second command needs 64 GB of disk and of memory.
"""

import argparse
import gc
import json
import statistics
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from data.world.world import World
from eval import scoring
from eval.predictions import Prediction
from model import config
from model.answer import Answer
from model.grounding import GroundingModel
from model.placement import Machine, Placement
from model.predictor import History, Predictor
from model.tokens import train_tokenizer

WORDS = 32  # an answer of random weights is cut here


def placements(device: str) -> dict[str, Placement]:
    """What is compared, by name."""
    plain = Placement(device=device, precision="float32", attention="sdpa")
    half = replace(plain, precision="bfloat16")
    return {
        "float32": plain,
        "float32, eager": replace(plain, attention="eager"),
        "float32, products": replace(plain, attention="products"),
        "float32, compiled": replace(plain, compile=True),
        "float32, 8 bits": replace(plain, bits=8),
        "float32, 4 bits": replace(plain, bits=4),
        "bfloat16": half,
        "bfloat16, eager": replace(half, attention="eager"),
        "bfloat16, flash": replace(half, attention="flash_attention_2"),
        "bfloat16, compiled": replace(half, compile=True),
        "bfloat16, offloaded": replace(half, offload=True),
        "bfloat16, 8 bits": replace(half, bits=8),
        "bfloat16, 4 bits": replace(half, bits=4),
    }


def measure(folder: Path, placement: Placement, count: int, trained: bool) -> tuple[dict[str, float], list[str]]:
    """One row: medians in seconds, gigabytes on the GPU, gIoU where the model is trained; and all answers.

    Raises:
        ValueError: the machine lacks what the placement asks for.
    """
    gc.collect()
    cuda = Machine.here().gpus > 0 and placement.device.startswith("cuda")
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    predictor = Predictor.from_pretrained(folder, placement)
    model, world = predictor.model, World("val", count)
    encoded = []
    for index in range(min(count, 4)):  # the first is a warm-up, and compiles
        image = world.sample(index).load()
        prepared = model.segmenter.prepare(image)[None].to(model.device)
        _wait(cuda)
        begin = time.perf_counter()
        with torch.inference_mode(), model.autocast(model.segmenter):
            model.segmenter.encode(prepared, [image.shape[:2]])
        _wait(cuda)
        encoded.append(time.perf_counter() - begin)
    stages: dict[str, list[float]] = {"read": [], "write": [], "total": []}
    texts, ious = [], []

    def ask(question: str, history: History = (), limit: int | None = None) -> Answer:
        answer = predictor.ask(question, history, max_new_tokens=limit)
        for stage, seconds in stages.items():
            seconds.append(answer.timings[stage])
        texts.append(answer.text)
        return answer

    for sample in (world.sample(index) for index in range(count)):
        predictor.set_image(sample.load())
        if not trained:
            ask(sample.turns[0].question, limit=WORDS)
            continue
        history: list[tuple[str, str]] = []
        for number, turn in enumerate(sample.turns):
            answer = ask(turn.question, history)
            history.append((turn.question, answer.text))
            if turn.targets:
                ious.append(scoring.count(Prediction.of(sample, number, answer)).iou)
    row = {"seconds": sum(stages["total"]), "encode": statistics.median(encoded[1:] or encoded)}  # of answers alone
    row |= {stage: statistics.median(seconds[1:] or seconds) for stage, seconds in stages.items()}
    if cuda:
        row["gigabytes"] = torch.cuda.max_memory_allocated() / 1e9
    if ious:
        row["gIoU"] = sum(ious) / len(ious)
    return row, texts


def _wait(cuda: bool) -> None:
    if cuda:
        torch.cuda.synchronize()


def _random(preset: str, folder: Path, device: str) -> Path:
    """A checkpoint of random weights at a preset's sizes, stored in bfloat16."""
    words = [turn.question for index in range(20) for turn in World("val", 20).sample(index).turns]
    model = GroundingModel.build(config.preset(preset), train_tokenizer(words, 400), device)
    model.save_pretrained(folder / preset, torch.bfloat16)
    return folder / preset


def main() -> None:
    """Print one line a placement, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/tiny"))
    parser.add_argument("--preset", choices=config.presets(), help="random weights of its sizes instead")
    parser.add_argument("--count", type=int, help="scenes of val (default 200, 8 with random weights)")
    parser.add_argument("--device", default="cuda" if Machine.here().gpus else "cpu")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="rows to measure beside float32")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    chosen = placements(args.device)
    unknown = set(args.only or ()) - set(chosen)
    if unknown:
        parser.error(f"no row {unknown.pop()!r}; there are {', '.join(chosen)}")
    count = args.count or (8 if args.preset else 200)
    rows: dict[str, dict[str, object]] = {}
    base: list[str] = []
    with tempfile.TemporaryDirectory() as made:
        folder = _random(args.preset, Path(made), args.device) if args.preset else args.checkpoint
        for name, placement in chosen.items():
            if args.only and name not in ("float32", *args.only):
                continue
            try:
                row, texts = measure(folder, placement, count, trained=not args.preset)
            except (ValueError, torch.OutOfMemoryError) as error:
                rows[name] = {"left out": str(error).splitlines()[0]}
            else:
                base = base or texts
                same = sum(mine == theirs for mine, theirs in zip(texts, base, strict=True)) / len(base)
                rows[name] = {**row, "same texts": same, "placement": asdict(placement)}
            if not args.json:
                said = [
                    f"{k} {v:.4f}" if isinstance(v, float) else str(v)
                    for k, v in rows[name].items()
                    if k != "placement"
                ]
                print(f"{name:22}", ", ".join(map(str, said)), flush=True)
    if args.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
