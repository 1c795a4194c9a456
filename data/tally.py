"""What a source of training data brings: pictures, conversations, tokens, targets, and how large its masks are."""

from collections import Counter
from collections.abc import Iterable

NAMES = ("pictures", "conversations", "tokens", "learned", "present", "absent", "inside", "pixels")


class Tally:
    """Counts by source.

    ``pictures``; ``conversations``; ``tokens``, the picture's included; ``learned`` tokens, those of answers;
    ``present`` and ``absent`` targets; ``inside``, the pixels inside masks of present ones, and ``pixels``, those of
    their pictures, once for each mask.
    """

    def __init__(self) -> None:
        self.sources: dict[str, Counter[str]] = {}

    def count(self, source: str, **numbers: int) -> None:
        """Add numbers of :data:`NAMES` to a source."""
        assert set(numbers) <= set(NAMES)
        self.sources.setdefault(source, Counter()).update(numbers)

    def add(self, others: Iterable["Tally"]) -> "Tally":
        """Add what others counted; returns itself."""
        for other in others:
            for source, numbers in other.sources.items():
                self.sources.setdefault(source, Counter()).update(numbers)
        return self

    def named(self) -> dict[str, float]:
        """Numbers to log, "SOURCE/NAME": the counts, each source's share of the learned tokens, the share of absent
        targets, and the mean share of its picture that a mask covers."""
        made: dict[str, float] = {}
        learned = sum(numbers["learned"] for numbers in self.sources.values())
        for source, numbers in sorted(self.sources.items()):
            for name in NAMES[:6]:
                made[f"{source}/{name}"] = numbers[name]
            shares = {
                "share": (numbers["learned"], learned),
                "absent_share": (numbers["absent"], numbers["present"] + numbers["absent"]),
                "mask_share": (numbers["inside"], numbers["pixels"]),
            }
            for name, (part, whole) in shares.items():
                made[f"{source}/{name}"] = round(part / whole, 4) if whole else 0.0
        return made
