"""One placeholder becomes as many as a picture has tokens: where their number depends on the picture's size, a chat is
encoded before that is known."""

from collections.abc import Sequence

import torch

from model.backbones.base import ChatBatch


def spread(ids: torch.Tensor, image: int, count: int) -> torch.Tensor:
    """``(T,)`` int64 ids with ``count`` placeholders in place of one; as they are if there are as many already."""
    places = (ids == image).nonzero()[:, 0]
    if len(places) != 1 or count == 1:
        return ids
    place = int(places[0])
    return torch.cat([ids[:place], ids.new_full((count,), image), ids[place + 1 :]])


def expanded(batch: ChatBatch, image: int, counts: Sequence[int], pad: int) -> ChatBatch:
    """The batch with ``counts[b]`` placeholders in place of the one of each row; what follows moves on by as many
    positions. Unchanged where each row has them already.

    Args:
        batch: right-padded rows, each with one picture.
        image: the id of a placeholder.
        counts: tokens of each picture.
        pad: the id that rows are padded with.
    """
    found = (batch.ids == image).sum(dim=1).tolist()
    if found == list(counts):
        return batch
    assert found == [1] * len(counts)
    rows = [_row(batch, number, image, count) for number, count in enumerate(counts)]
    length = max(len(row[0]) for row in rows)
    columns = []
    for column, value in enumerate((pad, -100, 0, -1)):
        out = batch.ids.new_full((len(rows), length), value)
        for line, row in zip(out, rows, strict=True):
            line[: len(row[column])] = row[column]
        columns.append(out)
    return ChatBatch(batch.prepared, batch.sizes, *columns)


def _row(batch: ChatBatch, number: int, image: int, count: int) -> tuple[torch.Tensor, ...]:
    """Ids, labels, positions and blocks of one row without its padding."""
    length = int((batch.block[number] >= 0).sum())
    ids, labels, positions, block = (
        getattr(batch, name)[number, :length] for name in ("ids", "labels", "positions", "block")
    )
    place = int((ids == image).nonzero()[0, 0])
    start = positions[place]
    more = torch.arange(count, device=ids.device)
    return (
        spread(ids, image, count),
        torch.cat([labels[:place], labels.new_full((count,), -100), labels[place + 1 :]]),
        torch.cat([positions[:place], start + more, positions[place + 1 :] + count - 1]),
        torch.cat([block[:place], block[place].expand(count), block[place + 1 :]]),
    )
