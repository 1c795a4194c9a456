"""Similarity as Points: all marks at once by a window, against READ's formula over every pixel, point by point."""

from collections.abc import Iterator
from unittest import mock

import torch

from benchmarks import direct
from benchmarks.bench import Bench
from benchmarks.harness import Result
from data.geometry import Frame
from model.prompting import points
from model.prompting.base import Evidence

GRID, KEEP = 24, 30
CASES = [(1, (480, 640)), (16, (480, 640)), (1, (1080, 1920)), (16, (1080, 1920))]


@torch.no_grad()
def run(bench: Bench) -> Iterator[Result]:
    """Of 30 points a mark from a 24 x 24 map; the same at every size of the model."""
    channel = points.Channel(points.Options(factor=2, keep=KEEP), 8, 8)
    random = torch.Generator().manual_seed(0)
    for marks, size in CASES:
        frame = Frame.letterbox(size, 14 * GRID, centred=True).scaled(GRID, GRID)
        maps = (torch.rand(marks, GRID, GRID, generator=random) * frame.valid_mask()).to(bench.device)
        evidence = Evidence(torch.zeros(marks, 8, device=bench.device), maps, frame, frame, frame)

        def window(evidence: Evidence = evidence) -> torch.Tensor | None:
            return channel(evidence).points

        def every_pixel(evidence: Evidence = evidence) -> torch.Tensor | None:
            with mock.patch.object(points, "refine", direct.points):
                return channel(evidence).points

        ours, theirs = window(), every_pixel()
        assert ours is not None and theirs is not None
        fast, slow = bench.alternate(window, every_pixel)
        case = f"{marks} {'mark' if marks == 1 else 'marks'}, {size[0]} x {size[1]}"
        yield Result("points", case, fast, slow, "s", f"{float((ours - theirs).abs().max()):.1e} px apart")
