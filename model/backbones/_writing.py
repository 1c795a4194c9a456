"""Answers written together, greedily: one row of a batch each, until each has ended.

A row is the prefix (system text, image, and what of the talk is known already), the question's tokens, and what is
written. Prefixes are right-aligned to the longest, questions too; a mask hides the padding, and positions count the
real tokens alone, so that a row answers as it would alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from model.backbones._cache import STEP, KeyValues, Part


@dataclass(frozen=True)
class Start:
    """What a row goes on from: ``parts`` of caches end to end, which of their positions ``seen`` (T,) bool later tokens
    see, the ``asked`` (Q,) int64 ids to be read next, and the most ids to be written."""

    parts: tuple[Part, ...]
    seen: torch.Tensor
    asked: torch.Tensor
    most: int


@dataclass
class Line:
    """One answer: its ids without the end mark, the ``(L, D)`` states that predicted its marks, why it stopped, and
    when it has, how many of its ids were read in turn, with the keys and values of all that came after the first part
    of its row."""

    ids: list[int] = field(default_factory=list)
    marks: list[torch.Tensor] = field(default_factory=list)
    stop: str | None = None
    reread: int = 0
    said: KeyValues | None = None


class Writing:
    """The batch; the network is run by the one who holds it.

    Attributes:
        lines: the answers, in the order of the starts.
        rows: of each row of the batch, the number of its answer; ended ones are among them until half have ended.
        cache: of the batch.
        ids: ``(B, Q)`` int64, to be read next: the questions at first, then one token a row.
        positions: ``(B, Q)`` int64, of these.
    """

    def __init__(self, starts: Sequence[Start], pad: int, device: torch.device) -> None:
        self.lines = [Line(stop=None if start.most > 0 else "length") for start in starts]
        self._starts = starts
        self.rows = [number for number, line in enumerate(self.lines) if line.stop is None]
        if not self.rows:
            return
        live = [starts[row] for row in self.rows]
        self._before = max(len(start.seen) for start in live)
        self._width = width = max(len(start.asked) for start in live)
        self.cache = KeyValues.laid([start.parts for start in live], width + min(STEP, max(s.most for s in live)))
        self.ids = torch.full((len(live), width), pad)
        self._seen = torch.ones(len(live), self._before + width, dtype=torch.bool)
        for row, start in enumerate(live):
            self.ids[row, width - len(start.asked) :] = start.asked
            self._seen[row, : self._before - len(start.seen)] = False
            self._seen[row, self._before - len(start.seen) : self._before] = start.seen.cpu()
            self._seen[row, self._before : self._before + width - len(start.asked)] = False
        ends = torch.tensor([len(start.seen) + len(start.asked) for start in live])
        self.positions = (ends[:, None] + torch.arange(-width, 0)).clamp(min=0).to(device)
        self._all = bool(self._seen.all())
        self.ids, self._seen = self.ids.to(device), self._seen.to(device)

    def mask(self) -> torch.Tensor | None:
        """``(B, 1, Q, K)`` bool, what each of the next tokens sees; None where that is all."""
        count, length = self.ids.shape[1], self.cache.length + self.ids.shape[1]
        if count == 1 and self._all:
            return None
        seen = torch.nn.functional.pad(self._seen, (0, length - self._seen.shape[1]), value=True)
        shown = seen[:, None, None]
        if count == 1:
            return shown
        causal = torch.ones(count, length, dtype=torch.bool, device=seen.device).tril(length - count)
        return shown & causal

    def take(self, tokens: torch.Tensor, states: torch.Tensor, end: int, marks: Sequence[int]) -> list[int]:
        """The next token of each row.

        Args:
            tokens: ``(B,)`` int64.
            states: ``(L, B, D)`` that predicted them; copied where the token is one of the ``marks``.
            end: the id that ends an answer.
            marks: ids.

        Returns:
            The numbers of the answers that have grown.
        """
        grown = []
        for row, (number, token) in enumerate(zip(self.rows, tokens.tolist(), strict=True)):
            line = self.lines[number]
            if line.stop is not None:
                continue
            if token == end:
                line.stop = "end"
                continue
            line.ids.append(token)
            grown.append(number)
            if token in marks:
                line.marks.append(states[:, row].clone())
            if len(line.ids) == self._starts[number].most:
                line.stop = "length"
        self.ids, self.positions = tokens[:, None], self.positions[:, -1:] + 1
        return grown

    def shrink(self) -> None:
        """Keep what ended rows have said, and let them go once they are half of the batch or all of it."""
        for row, number in enumerate(self.rows):
            line = self.lines[number]
            if line.stop is not None and line.said is None:
                line.reread = self.cache.length - self._before - self._width
                line.said = self.cache.of_row(row, self._said(self._starts[number]))
        going = [row for row, number in enumerate(self.rows) if self.lines[number].stop is None]
        if 2 * len(going) > len(self.rows):
            return
        self.rows = [self.rows[row] for row in going]
        if going:
            rows = torch.tensor(going, device=self.ids.device)
            self.cache.keep(rows)
            self.ids, self.positions, self._seen = self.ids[rows], self.positions[rows], self._seen[rows]
            self._all = bool(self._seen.all())

    def _said(self, start: Start) -> torch.Tensor:
        """The columns of a row that follow its first part."""
        asked = self._before + self._width - len(start.asked)
        known = torch.arange(self._before - sum(part.length for part in start.parts[1:]), self._before)
        return torch.cat([known, torch.arange(asked, self.cache.length)]).to(self.ids.device)
