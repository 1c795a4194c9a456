"""The published paradigms and the layer policies, each trained from the same start on the same data for as many steps,
and evaluated alike: ``python -m benchmarks.paradigms``. docs/paradigms.md says what each run answers."""

from benchmarks.paradigms.command import main

__all__ = ["main"]
