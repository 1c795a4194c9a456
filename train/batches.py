"""From samples to tensors: what a training step is fed. The heavy part runs in data workers, one image at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch

from data import masks
from data.sample import Sample
from data.tally import Tally
from model.backbones.base import ChatBatch, Encoded

Turns = Sequence[tuple[str, str | None]]


@dataclass(frozen=True)
class Item:
    """One image with its conversations, ready to be packed.

    Attributes:
        mllm: ``(3, Hb, Wb)`` uint8, prepared for the backbone.
        sam: ``(3, S, S)`` uint8, prepared for the segmenter.
        size: original ``(H, W)``.
        chats: the conversations as tokens.
        masks: ``(M, H, W)`` bool, the truth at every mark of all conversations in order; all False where absent.
        source: which dataset of a mixture it comes from; "" where there is but one.
        void: ``(M, H, W)`` bool, pixels that count neither way at each mark; None where there are none.
        ids: of the samples, one for each conversation.
        picture_tokens: that the picture will take beyond its placeholders in ``chats``, of which families with pictures
            at their own size write one.
    """

    mllm: torch.Tensor
    sam: torch.Tensor
    size: tuple[int, int]
    chats: tuple[Encoded, ...]
    masks: torch.Tensor
    source: str = ""
    void: torch.Tensor | None = None
    ids: tuple[str, ...] = ()
    picture_tokens: int = 0


@dataclass(frozen=True)
class GroundingBatch:
    """B images. ``masks[b]`` is ``(M_b, H_b, W_b)`` bool in the order of the marks of ``chat.ids[b]``, ``void[b]`` the
    same or None, pixels that count neither way; ``tally`` counts what each source of a mixture brings; of each image
    ``sources`` names the source, ``ids`` the samples, and ``pictures`` is a digest of what the segmenter is shown."""

    chat: ChatBatch
    sam: torch.Tensor
    masks: list[torch.Tensor]
    void: list[torch.Tensor | None]
    tally: Tally | None = None
    sources: tuple[str, ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()
    pictures: tuple[str, ...] = ()

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "GroundingBatch":
        """The batch on another device."""
        return moved(self, device, non_blocking)


def moved(value: Any, device: torch.device | str, non_blocking: bool = False) -> Any:
    """Every tensor inside dataclasses, lists and tuples on another device."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=non_blocking)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: moved(getattr(value, f.name), device, non_blocking) for f in fields(value)}
        return replace(value, **changed)
    if isinstance(value, list | tuple):
        return type(value)(moved(v, device, non_blocking) for v in value)
    return value


def make_item(
    image: np.ndarray,
    samples: Sequence[Sample],
    encode_chat: Callable[[Turns], Encoded],
    prepare_mllm: Callable[[np.ndarray], torch.Tensor],
    prepare_sam: Callable[[np.ndarray], torch.Tensor],
    source: str = "",
) -> Item:
    """Samples that share one image -> an :class:`Item`."""
    size = (image.shape[0], image.shape[1])
    chats = tuple(encode_chat([(turn.question, turn.answer) for turn in sample.turns]) for sample in samples)
    truth = [target.rle for sample in samples for turn in sample.turns for target in turn.targets]
    stack = np.zeros((len(truth), *size), dtype=bool)
    for row, rle in zip(stack, truth, strict=True):
        if rle is not None:
            row[:] = masks.decode(rle)
    void = _void(samples, size)
    if void is not None:
        stack &= ~void
    held = None if void is None else torch.from_numpy(void)
    ids = tuple(sample.id for sample in samples)
    return Item(prepare_mllm(image), prepare_sam(image), size, chats, torch.from_numpy(stack), source, held, ids)


def _void(samples: Sequence[Sample], size: tuple[int, int]) -> np.ndarray | None:
    """``(M, H, W)`` bool: what each sample leaves out, at each of its marks."""
    if all(sample.void is None for sample in samples):
        return None
    rows = [(sample.void, sum(len(turn.targets) for turn in sample.turns)) for sample in samples]
    one = [(np.zeros(size, dtype=bool) if rle is None else masks.decode(rle), count) for rle, count in rows]
    return np.concatenate([np.repeat(mask[None], count, axis=0) for mask, count in one])


def collate(items: Sequence[Item], pad: int) -> GroundingBatch:
    """Pack the conversations of each image behind its one prefix and right-pad the rows with the id ``pad``."""
    rows = [_pack(item.chats) for item in items]
    length = max(len(row[0]) for row in rows)

    def padded(column: int, value: int) -> torch.Tensor:
        out = torch.full((len(rows), length), value, dtype=torch.int64)
        for line, row in zip(out, rows, strict=True):
            line[: len(row[column])] = row[column]
        return out

    chat = ChatBatch(
        prepared=_stacked([item.mllm for item in items]),
        sizes=[item.size for item in items],
        ids=padded(0, pad),
        labels=padded(1, -100),
        positions=padded(2, 0),
        block=padded(3, -1),
    )
    truth, void = [item.masks for item in items], [item.void for item in items]
    return GroundingBatch(chat, torch.stack([item.sam for item in items]), truth, void)


def _stacked(pictures: Sequence[torch.Tensor]) -> torch.Tensor:
    """``(3, Hb, Wb)`` each -> ``(B, 3, H, W)``; where their shapes differ, smaller ones stand in the corner above."""
    shapes = {picture.shape for picture in pictures}
    if len(shapes) == 1:
        return torch.stack(list(pictures))
    out = pictures[0].new_zeros(len(pictures), 3, *(max(shape[axis] for shape in shapes) for axis in (1, 2)))
    for line, picture in zip(out, pictures, strict=True):
        line[:, : picture.shape[1], : picture.shape[2]] = picture
    return out


def length(item: Item) -> int:
    """Tokens of an image's packed row."""
    return (
        sum(len(chat.ids) for chat in item.chats) - item.chats[0].prefix * (len(item.chats) - 1) + item.picture_tokens
    )


def bucketed(items: Sequence[Item], lots: int) -> list[list[Item]]:
    """The items of a step in as many micro-batches of one size, those of like length together, so that little is
    padded; within a micro-batch they keep their order."""
    size = -(-len(items) // lots)
    order = sorted(range(len(items)), key=lambda index: (length(items[index]), index))
    chosen = (sorted(order[start : start + size]) for start in range(0, len(order), size))
    return [[items[index] for index in lot] for lot in chosen]


def tally(items: Sequence[Item]) -> Tally | None:
    """What the items bring, by source; None for items without one."""
    made = Tally()
    for item in (item for item in items if item.source):
        inside = [int(np.count_nonzero(mask)) for mask in item.masks.numpy()]  # ten times as fast as torch's sum
        present = sum(count > 0 for count in inside)
        made.count(
            item.source,
            pictures=1,
            conversations=len(item.chats),
            tokens=length(item),
            learned=sum(int((chat.labels != -100).sum()) for chat in item.chats),
            present=present,
            absent=len(inside) - present,
            inside=sum(inside),
            pixels=present * item.size[0] * item.size[1],
        )
    return made if made.sources else None


def _pack(chats: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, labels, positions and blocks of one row; a later conversation's first token follows the prefix."""
    prefix = chats[0].prefix
    ids, labels = [chats[0].ids[:prefix]], [chats[0].labels[:prefix]]
    positions, block = [torch.arange(prefix)], [torch.zeros(prefix, dtype=torch.int64)]
    for number, chat in enumerate(chats, start=1):
        if chat.prefix != prefix:
            raise ValueError("conversations packed together must begin with the same image prefix")
        ids.append(chat.ids[prefix:])
        labels.append(chat.labels[prefix:])
        positions.append(torch.arange(prefix, len(chat.ids)))
        block.append(torch.full((len(chat.ids) - prefix,), number))
    return torch.cat(ids), torch.cat(labels), torch.cat(positions), torch.cat(block)
