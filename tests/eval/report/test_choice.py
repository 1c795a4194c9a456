from dataclasses import replace

from eval.metrics import Counts
from eval.report.choice import choose, ranked
from eval.scoring import Scored
from tests.eval.board import answer, box, predicted, segment, target, turn

CUP = box(0, 0, 4, 4)
BARE = predicted(turn(target("the cup", CUP)), answer(segment("the cup", CUP)))


def row(id: str, iou: float, error: str | None = None) -> Scored:
    counts = Counts(id, "kind", round(100 * iou), 100, False, 1, (True,), failed=error is not None)
    return Scored(replace(BARE, id=id, error=error), counts)


def ids(rows):
    return [one.prediction.id if isinstance(one, Scored) else one.id for one in rows]


def test_the_worst_come_first_failures_before_them_and_what_has_no_truth_last():
    rows = [row("a", 0.5), replace(BARE, id="b"), row("c", 0.1), row("d", 0.5), row("e", 0.0, "no picture")]
    assert ids(ranked(rows)) == ["e", "c", "a", "d", "b"]


def test_a_question_in_words_ranks_by_whether_they_are_right():
    words = [
        Scored(replace(BARE, id=str(right)), Counts(str(right), "k", 0, 0, True, 0, words=right)) for right in (1, 0)
    ]
    assert ids(ranked([*words, row("half", 0.5)])) == ["0", "half", "1"]


def test_of_many_the_worst_the_best_and_some_evenly_between_whatever_the_order():
    rows = [row(f"{n:02d}", n / 100) for n in range(20)]
    chosen = ids(choose(rows, 6))
    assert chosen[:2] == ["00", "01"]
    assert chosen[-2:] == ["18", "19"]
    assert chosen[2:4] == ["06", "14"]  # the middles of the two halves of 02 .. 17
    assert ids(choose(rows[::-1], 6)) == chosen
    assert ids(choose(rows, 20)) == ids(rows)
