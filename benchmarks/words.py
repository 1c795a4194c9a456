"""What the words alone tell: a model that sees no picture, fit to say whether the thing asked for is absent.

python -m benchmarks.words [SPLIT]

A logistic regression on the question's words and pairs of words and on those of the turn before, fit on other scenes of
``train``. It must do no better than always saying "present", and rank an absent thing above a present one no more often
than a coin. Of several things named in a question the first counts. Questions about everything in the picture ("list",
"rest") are left out: nobody asks them of what is not there.
"""

import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch.nn import functional

from data.world.world import World

FIT, SCORE, TALKS = 3000, 1000, 10  # scenes to fit on, scenes to score, conversations about each of the first
SLOTS = 1 << 15
NEVER_ABSENT = ("list", "rest")


@dataclass(frozen=True)
class Told:
    """How far the words of some questions tell.

    Attributes:
        questions: how many.
        base: the share about what is present.
        accuracy: the share told rightly.
        auc: how often an absent thing is ranked above a present one, 0.5 for a coin.
        sigma: the standard error of a coin's.
    """

    questions: int
    base: float
    accuracy: float
    auc: float
    sigma: float


Example = tuple[list[int], bool]


def examples(world: World, talks: int) -> Iterator[Example]:
    """The words of each question, as slots, and whether what it asks for is absent."""
    for index in range(len(world)):
        samples = world.pack(index, talks)[1] if talks else [world.sample(index)]
        for sample in samples:
            before: list[str] = []
            for turn in sample.turns:
                words = re.findall(r"[a-z']+", turn.question.lower())
                said = [*words, *(" ".join(pair) for pair in pairwise(["^", *words, "$"]))]
                if turn.targets and turn.kind not in NEVER_ABSENT:
                    yield [_slot(word) for word in (*said, *before)], turn.targets[0].absent
                before = [f"before {word}" for word in said]


def _slot(word: str) -> int:
    return zlib.crc32(word.encode()) % SLOTS


def fit(rows: list[Example], rounds: int = 6, seed: int = 0) -> torch.nn.EmbeddingBag:
    """Logistic regression by AdamW."""
    torch.manual_seed(seed)
    model = torch.nn.EmbeddingBag(SLOTS, 1, mode="mean")
    torch.nn.init.zeros_(model.weight)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01)
    for _ in range(rounds):
        for batch in torch.randperm(len(rows)).split(256):
            chosen = [rows[i] for i in batch.tolist()]
            truth = torch.tensor([float(absent) for _, absent in chosen])
            loss = functional.binary_cross_entropy_with_logits(score(model, chosen), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def score(model: torch.nn.EmbeddingBag, rows: list[Example]) -> torch.Tensor:
    """Log odds of being absent, ``(N,)``."""
    lengths = torch.tensor([0, *(len(slots) for slots, _ in rows)]).cumsum(0)[:-1]
    flat = torch.tensor([slot for slots, _ in rows for slot in slots])
    made: torch.Tensor = model(flat, lengths)[:, 0]
    return made


def told(model: torch.nn.EmbeddingBag, rows: list[Example]) -> Told:
    """How well the words of ``rows`` tell."""
    with torch.no_grad():
        odds = score(model, rows).double()
    absent = torch.tensor([absent for _, absent in rows])
    high, low = odds[absent], odds[~absent]
    above = (high[:, None] > low).double() + 0.5 * (high[:, None] == low).double()
    n, m = len(high), len(low)
    return Told(
        questions=len(rows),
        base=float((~absent).double().mean()),
        accuracy=float(((odds > 0) == absent).double().mean()),
        auc=float(above.mean()),
        sigma=((n + m + 1) / (12 * n * m)) ** 0.5,  # Mann and Whitney (1947)
    )


def main(split: str = "test") -> None:
    """Print how well the words of a split tell."""
    model = fit(list(examples(World("train", FIT), TALKS)))
    found = told(model, list(examples(World(split, SCORE), 0)))
    print(
        f"{split}: {found.questions} questions; always 'present' is right in {found.base:.3f}, the words in "
        f"{found.accuracy:.3f}; an absent thing is ranked above a present one in {found.auc:.3f} +- {found.sigma:.3f}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
