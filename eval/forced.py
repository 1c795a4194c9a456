"""The published teacher-forced evaluation of generalised expressions: the true answer is read, not written.

All phrases of a picture stand in one question, and the true answer names each with its mark. What the model says at
each mark is the one that it would write there, or, if it would write anything else, the other one. The masks come from
a second reading in which every mark is ``<SEG>``, so what is rejected has a mask, too (GSVA, solver.py eval_gres with
``reeval``). The number of targets is given away: for comparison with published numbers alone, never the default.
"""

from collections.abc import Sequence

import numpy as np
import torch

from data import masks
from data.sample import REJ, SEG, Sample
from eval.predictions import Given, Prediction, Truth
from model.backbones.base import ChatBatch, ChatOutput, Encoded
from model.grounding import GroundingModel


def answer(model: GroundingModel, image: np.ndarray, joint: Sample, alone: Sequence[Sample]) -> list[Prediction]:
    """Read the true answer about a picture.

    Args:
        model: in evaluation mode, one that has a ``<REJ>``.
        image: ``(H, W, 3)`` uint8 RGB.
        joint: all phrases of the picture in one question (:meth:`eval.benchmarks.base.Read.together`).
        alone: each of them in its own.

    Returns:
        A prediction for each phrase, with the id that it has where it is asked alone; ``hidden`` is the mask behind a
        ``<REJ>``.
    """
    said, drawn = _read(model, image, joint)
    return [_prediction(joint, *row) for row in zip(alone, said, drawn, strict=True)]


def _prediction(joint: Sample, sample: Sample, rejected: bool, mask: np.ndarray) -> Prediction:
    turn = sample.turns[0]
    rle = masks.encode(mask)
    given = Given(turn.targets[0].phrase, None if rejected else rle, hidden=rle if rejected else None)
    return Prediction(
        id=f"{sample.id}/0",
        image=sample.image,
        size=sample.size,
        kind=turn.kind,
        question=joint.turns[0].question,
        answer=f"{turn.targets[0].phrase}:{REJ if rejected else SEG}",
        given=(given,),
        truth=Truth(turn.answer, turn.targets, sample.void),
    )


@torch.inference_mode()
def _read(model: GroundingModel, image: np.ndarray, joint: Sample) -> tuple[list[bool], list[np.ndarray]]:
    """For each target whether the model rejects it, and its mask ``(H, W)`` bool in original pixels."""
    (turn,) = joint.turns
    prepared = model.backbone.prepare(image)[None].to(model.device)
    seg, rej = model.backbone.mark_ids

    def read(said: str) -> ChatOutput:
        with model.autocast(model.backbone):
            return model.backbone(_batch(model.backbone.encode_chat([(turn.question, said)]), prepared, joint.size))

    out = read(turn.answer)
    is_mark = (out.targets == seg) | (out.targets == rej)
    true, chosen = out.targets[is_mark], out.logits[is_mark].argmax(dim=-1)
    rejected = torch.where(chosen == true, true == rej, true == seg).tolist()
    (trace,) = read(turn.answer.replace(REJ, SEG)).traces
    with model.autocast(model.segmenter):
        (features,) = model.segmenter.encode(model.segmenter.prepare(image)[None].to(model.device), [joint.size])
        grounding = model.ground(trace, joint.size, model.choose(trace, features))
        low = model.segmenter.decode(features, grounding.prompts).low
    drawn = [(model.segmenter.upscale(one[None], features)[0, 0] > 0).cpu().numpy() for one in low]
    return rejected, drawn


def _batch(chat: Encoded, prepared: torch.Tensor, size: tuple[int, int]) -> ChatBatch:
    """One conversation as a batch."""
    device, length = prepared.device, len(chat.ids)
    positions = torch.arange(length)
    block = (positions >= chat.prefix).long()
    rows: Sequence[torch.Tensor] = [one[None].to(device) for one in (chat.ids, chat.labels, positions, block)]
    return ChatBatch(prepared, [size], *rows)
