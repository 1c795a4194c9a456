"""Targets that stand in an answer's words, brought to the segmenter: those with like prompts together."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import islice

import numpy as np

from data.geometry import Frame
from model.answer import Segment
from model.prompting.base import Heard, SegPrompts

Draw = Callable[[SegPrompts, np.ndarray, list[str], list[bool]], tuple[Segment, ...]]


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


def drawn(heard: Sequence[Heard], frame: Frame, draw: Draw) -> list[tuple[Segment, ...]]:
    """The segments of answers about one picture. They have no similarity map: theirs is 0 everywhere.

    Args:
        heard: the targets of each answer.
        frame: original pixels -> the language model's grid of patches.
        draw: decodes prompts of S masks, given with their maps ``(S, h, w)``, phrases, and whether they are rejected.
    """
    every = [target for answer in heard for target in answer.targets]
    made: dict[int, Segment] = {}
    for places, prompts in lots([target.prompts for target in every]):
        some = [every[place] for place in places]
        maps = np.zeros((len(some), *frame.target), dtype=np.float32)
        segments = draw(prompts, maps, [target.phrase for target in some], [target.rejected for target in some])
        for place, segment in zip(places, segments, strict=True):
            made[place] = replace(segment, evidence=replace(segment.evidence, frame=frame), span=every[place].span)
    ordered = iter(made[place] for place in range(len(every)))
    return [tuple(islice(ordered, len(answer.targets))) for answer in heard]
