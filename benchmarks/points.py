"""Similarity as Points: all marks at once by a window, against READ's formula over every pixel, point by point.

python -m benchmarks.points
"""

import statistics
import time
from collections.abc import Callable

import torch

from data.geometry import Frame
from model.prompting.base import Evidence
from model.prompting.points import Channel, Options

GRID, KEEP = 24, 30
CASES = [(1, (480, 640)), (16, (480, 640)), (1, (1080, 1920)), (16, (1080, 1920))]


def direct(points: torch.Tensor, maps: torch.Tensor, frame: Frame) -> torch.Tensor:
    """The expectation of the whole pixel grid under ``exp(-|g - p|^2) softmax(map)`` for each point by itself.

    Args:
        points: ``(S, P, 2)`` XY, original pixels.
        maps: ``(S, h, w)`` in [0, 1].
        frame: original pixels -> (h, w).
    """
    height, width = frame.source
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).view(-1, 2).float()
    made = torch.empty_like(points)
    for mark, whole in enumerate(frame.map_back(maps)):
        chance = whole.flatten().softmax(dim=0)
        for number, point in enumerate(points[mark]):
            weight = torch.exp(-((grid - point) ** 2).sum(dim=1)) * chance
            made[mark, number] = (weight[:, None] * grid).sum(dim=0) / weight.sum()
    return made


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median of several runs, after one that warms up."""
    run()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


@torch.no_grad()
def main() -> None:
    """Print times, their ratio, and how far the two are apart."""
    torch.manual_seed(0)
    channel = Channel(Options(factor=2, keep=KEEP), 8, 8)
    print(f"{KEEP} points a mark, map {GRID} x {GRID}, {torch.get_num_threads()} threads")
    print("marks  picture       window   full grid   ratio   apart")
    for marks, size in CASES:
        frame = Frame.letterbox(size, 14 * GRID, centred=True).scaled(GRID, GRID)
        maps = torch.rand(marks, GRID, GRID) * frame.valid_mask()
        evidence = Evidence(torch.zeros(marks, 8), maps, frame, frame, frame)
        made = channel(evidence)
        assert made.points is not None
        # The same work again: which cells are chosen costs either way and is left out of the slow one.
        start = Channel(Options(factor=2, keep=KEEP), 8, 8)(evidence).points
        assert start is not None
        fast = seconds(lambda evidence=evidence: channel(evidence), 20)
        slow = seconds(lambda start=start, maps=maps, frame=frame: direct(start, maps, frame), 1 if marks > 1 else 3)
        print(
            f"{marks:5}  {size[0]} x {size[1]:<5} {fast * 1e3:7.2f} ms {slow * 1e3:8.0f} ms {slow / fast:6.0f}x", end=""
        )
        print(f"  {_apart(maps, frame):.1e} px")


def _apart(maps: torch.Tensor, frame: Frame) -> float:
    """The largest distance between the window's and the full grid's points, from the same start."""
    from model.prompting.points import refine

    height, width = frame.source
    start = torch.rand(len(maps), KEEP, 2) * torch.tensor([width - 1, height - 1])
    return float((refine(start, maps, frame) - direct(start, maps, frame)).abs().max())


if __name__ == "__main__":
    main()
