"""Which samples a report shows when it cannot show all."""

from collections.abc import Sequence

from eval.predictions import Prediction
from eval.scoring import Scored

Row = Scored | Prediction  # a prediction alone is one whose truth nobody knows


def prediction(row: Row) -> Prediction:
    """What was said, with a truth or without."""
    return row.prediction if isinstance(row, Scored) else row


def score(row: Row) -> float | None:
    """IoU of the united masks; of a question answered in words alone 1 if they are right, else 0; None without a
    truth."""
    if not isinstance(row, Scored):
        return None
    return row.counts.iou if row.counts.words is None else float(row.counts.words)


def ranked(rows: Sequence[Row]) -> list[Row]:
    """The worst first: those that failed, then by score, then by id; those without a truth last."""

    def place(row: Row) -> tuple[bool, bool, float, str]:
        one, value = prediction(row), score(row)
        return one.error is None, value is None, value or 0.0, one.id

    return sorted(rows, key=place)


def choose(rows: Sequence[Row], most: int) -> list[Row]:
    """At most ``most`` rows, the worst first: a third from the worst, a third from the best, and the rest evenly from
    between, so that the same rows are chosen whatever their order was."""
    order = ranked(rows)
    if len(order) <= most:
        return order
    end = most // 3
    between = order[end : len(order) - end]
    wanted = most - 2 * end
    middle = [between[(2 * number + 1) * len(between) // (2 * wanted)] for number in range(wanted)]
    return order[:end] + middle + order[len(order) - end :]
