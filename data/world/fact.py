"""One piece of everyday knowledge behind questions by use and situation."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fact:
    """What a few kinds of thing are for, can do or are like, and the ways to ask for it.

    The same wordings ask for what a picture shows and for what it lacks, so they say nothing about which it is.

    Attributes:
        name: a slug, unique over all facts.
        reason: for every kind that a reasonable person would accept, a clause that completes "The umbrella ...":
            "keeps you dry in the rain".
        lack: a noun phrase for what is missing, completed by " is not here.": "Something to keep you dry".
        wordings: ways to ask, trained on.
        held_out: ways to ask that only the split ``test_phrasing`` uses.
    """

    name: str
    reason: Mapping[str, str] = field(compare=False)
    lack: str
    wordings: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that answers the question."""
        return frozenset(self.reason)
