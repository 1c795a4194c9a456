"""The published way, transcribed directly: written from the formulas of the papers and from what is known of the
published programs' cost (a picture is encoded for every question, nothing is cached between tokens, every hidden state
is kept), for comparison only.

What is the same in both ways is taken from the model: the networks, the choice of the points' cells, the channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from unittest import mock

import numpy as np
import torch

from data.geometry import Frame
from model.backbones.base import ChatBatch
from model.grounding import GroundingModel
from model.prompting import points as channel
from model.tokens import spaced
from model.tracing import Trace


def points(start: torch.Tensor, maps: torch.Tensor, frame: Frame) -> torch.Tensor:
    """Similarity as Points (READ, Qian et al. 2024): the expectation of the whole pixel grid under
    ``exp(-|g - p|^2) softmax(map)``, for each point by itself.

    Args:
        start: ``(S, P, 2)`` XY, original pixels.
        maps: ``(S, h, w)`` in [0, 1].
        frame: original pixels -> (h, w).

    Returns:
        ``(S, P, 2)`` float32, XY, original pixels.
    """
    height, width = frame.source
    rows, columns = torch.meshgrid(
        torch.arange(height, device=maps.device), torch.arange(width, device=maps.device), indexing="ij"
    )
    grid = torch.stack([columns, rows], dim=-1).view(-1, 2).float()
    start = start.float().clamp(min=0).minimum(grid[-1])  # a cell's centre may lie in the padding
    made = torch.empty_like(start)
    for mark, whole in enumerate(frame.map_back(maps)):
        chance = whole.flatten().softmax(dim=0)
        for number, point in enumerate(start[mark]):
            weight = torch.exp(-((grid - point) ** 2).sum(dim=1)) * chance
            made[mark, number] = (weight[:, None] * grid).sum(dim=0) / weight.sum()
    return made


def layer_maps(
    hidden: Sequence[torch.Tensor], row: int, image: torch.Tensor, marks: torch.Tensor, valid: torch.Tensor
) -> torch.Tensor:
    """Every layer's similarity map of each mark: all hidden states put together, then their rows picked.

    Args:
        hidden: ``(B, T, D)`` of each of L layers.
        row: of the batch.
        image: ``(N,)`` int64, the image tokens' positions.
        marks: ``(S,)`` int64, the positions that predict a mark.
        valid: ``(h, w)`` bool, cells that lie on the picture.

    Returns:
        ``(L, S, h, w)`` float32, min-max normalised over the valid cells.
    """
    every = torch.stack(list(hidden))  # (L, B, T, D)
    seen = every[:, row, image].float()  # (L, N, D)
    maps = []
    for mark in marks.tolist():
        said = every[:, row, mark].float()  # (L, D)
        raw = (seen * said[:, None]).sum(dim=-1).view(-1, *valid.shape)
        shown = raw[:, valid]
        low, high = shown.amin(dim=1)[:, None, None], shown.amax(dim=1)[:, None, None]
        maps.append((raw - low) / (high - low + 1e-6) * valid)
    return torch.stack(maps, dim=1)


def hidden_states(model: GroundingModel, batch: ChatBatch) -> tuple[torch.Tensor, ...]:
    """``(B, T, D)`` of each of all L + 1 layers, of one conversation a row."""
    llava = _llava(model)
    inputs = embeds(model, batch.ids, batch.prepared, batch.sizes)
    read = llava.model.language_model(inputs_embeds=inputs, use_cache=False, output_hidden_states=True)
    return cast(tuple[torch.Tensor, ...], read.hidden_states)


@dataclass(frozen=True)
class Told:
    """An answer: its text with marks, ``(S, H, W)`` float mask logits in original pixels, and ``(S,)`` bool, which of
    the marks are rejections."""

    text: str
    logits: torch.Tensor
    rejected: torch.Tensor

    @property
    def masks(self) -> torch.Tensor:
        """``(S, H, W)`` bool; those of rejected marks are empty."""
        return (self.logits > 0) & ~self.rejected[:, None, None]


@torch.inference_mode()
def answer(model: GroundingModel, image: np.ndarray, question: str, max_new_tokens: int) -> Told:
    """One answer by itself: SAM encodes the picture for it; every token takes a pass of the vision tower and of the
    language model over all that stands before it; all hidden states of all passes are kept to the end; each point goes
    over all pixels.

    Args:
        model: in evaluation mode, whose layer policy is "last".
        image: ``(H, W, 3)`` uint8 RGB.
        question: in words.
        max_new_tokens: where the answer is cut.
    """
    backbone, llava = cast(Any, model.backbone), _llava(model)
    device, size = llava.device, (image.shape[0], image.shape[1])
    features = model.segmenter.encode(model.segmenter.prepare(image)[None].to(device), [size])[0]
    asked = backbone.encode_chat([(question, None)]).ids[None].to(device)
    ids, kept = asked, []
    for _ in range(max_new_tokens):
        inputs = embeds(model, ids, backbone.prepare(image)[None].to(device), [size])
        read = llava.model.language_model(inputs_embeds=inputs, use_cache=False, output_hidden_states=True)
        kept.append(read.hidden_states)
        token = llava.lm_head(read.last_hidden_state)[:, -1].argmax(dim=-1)  # logits of every position, as published
        if int(token) == backbone.eos_id:
            break
        ids = torch.cat([ids, token[None]], dim=1)
    written = ids[0, asked.shape[1] :]
    marks = torch.isin(ids[0], torch.tensor(backbone.mark_ids, device=device)).nonzero()[:, 0]
    marks = marks[marks >= asked.shape[1]]
    every = torch.stack([kept[-1][layer][0] for layer in backbone.layers])  # (L, T, D)
    trace = Trace(
        every[:, marks - 1].transpose(0, 1),
        every[:, (asked[0] == backbone.image_id).nonzero()[:, 0]],
        backbone.grid,
        backbone.frame(size),
        ids[0, marks] == backbone.mark_ids[1],
        backbone.layers,
    )
    text = spaced(str(backbone.tokenizer.decode(written.tolist(), skip_special_tokens=True)).strip())
    if not len(trace):
        return Told(text, torch.zeros(0, *size, device=device), trace.rejected)
    with mock.patch.object(channel, "refine", points):  # the channel picks the cells, the formula above moves them
        prompts = model.ground(trace, size).prompts
    masks = model.segmenter.decode(features, prompts)
    logits = torch.cat([model.segmenter.upscale(low[None], features)[:, 0] for low in masks.low])
    return Told(text, logits, trace.rejected)


def _llava(model: GroundingModel) -> Any:
    return cast(Any, model.backbone).llava


def embeds(model: GroundingModel, ids: torch.Tensor, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> Any:
    """``(B, T, D)``: words, and the pictures' features in place of their placeholders."""
    backbone, llava = cast(Any, model.backbone), _llava(model)
    place = ids == backbone.image_id
    words = llava.get_input_embeddings()(ids.masked_fill(place, 0))
    features = llava.model.multi_modal_projector(backbone.see(prepared, sizes)).to(words.dtype)
    return words.masked_scatter(place[..., None], features)
