"""Targets that stand in an answer's words, brought to the segmenter: those with like prompts together."""

from collections.abc import Sequence
from dataclasses import fields

from model.prompting.base import SegPrompts


def lots(prompts: Sequence[SegPrompts]) -> list[tuple[list[int], SegPrompts]]:
    """Prompts of one mask each, put together for as few decodings as there are kinds of them: a segmenter takes boxes
    for all masks of a lot or for none, and as many points for each.

    Returns:
        The places of a lot's masks among ``prompts``, and their prompts as one.
    """
    kinds: dict[tuple[object, ...], list[int]] = {}
    for number, one in enumerate(prompts):
        parts = (getattr(one, field.name) for field in fields(SegPrompts))
        kinds.setdefault(tuple(None if part is None else part.shape for part in parts), []).append(number)
    return [(places, SegPrompts.stacked([prompts[place] for place in places])) for places in kinds.values()]
