import json
import random

import numpy as np
import pytest

from data import masks
from data.sample import Sample
from eval import journal
from eval.benchmarks import find
from eval.run import BLOCK, Way, ask, blocks, run
from model.predictor import Predictor
from tests import tiny
from tests.eval.board import SIZE, Reader, box, target, turn

CUP, LAMP = box(0, 0, 4, 4), box(6, 6, 10, 10)
PROTOCOL = find("world").protocol()


def picture(tone):
    return np.full((*SIZE, 3), tone, np.uint8)


def sample(name, tone, *turns, image="", void=None):
    return Sample(name, lambda: picture(tone), SIZE, turns, void, image)


def two_samples():
    return [
        sample("val-0", 10, turn(target("the cup", CUP)), turn(target("the lamp", LAMP), kind="follow")),
        sample(
            "val-1",
            200,
            turn(target("the cup", None)),
            turn(answer="There are two cups.", kind="count"),
            void=masks.encode(box(0, 9, 1, 10)),
        ),
    ]


def questions_about(pictures):
    """Three questions about each of some pictures; one sample a question."""
    phrases = ("cup", "lamp", "key")
    return [
        sample(f"{phrase}-{number:02d}", number, turn(target(phrase, CUP)), image=f"p{number:02d}")
        for number in range(pictures)
        for phrase in phrases
    ]


def asked(samples, predictor=None, **changes):
    batches = ask(predictor or Reader(samples), samples, Way(PROTOCOL, **changes))
    return [one for batch in batches for one in batch]


def test_every_turn_is_asked_with_the_models_own_history():
    samples = two_samples()
    reader = Reader(samples)
    rows = [one.counts for one in asked(samples, reader)]
    assert [row.id for row in rows] == ["val-0/0", "val-1/0", "val-0/1", "val-1/1"]
    assert [row.iou for row in rows[:3]] == [1.0, 1.0, 1.0]
    assert rows[3].words is True
    assert [list(ask.history) for ask in reader.asks] == [
        [],
        [],
        [("Where is the cup?", "the cup <SEG>")],
        [("Where is the cup?", "the cup <REJ>")],
    ]
    assert [ask.image[0, 0, 0] for ask in reader.asks] == [10, 200, 10, 200]


def test_blind_shows_grey_pictures_of_the_same_size():
    samples = two_samples()
    reader = Reader(samples)
    asked(samples, reader, blind=True)
    assert [ask.image.shape for ask in reader.asks] == [(*SIZE, 3)] * 4
    assert all((ask.image == 128).all() for ask in reader.asks)


def test_batches_are_the_same_in_whatever_order_samples_come():
    samples = questions_about(5)
    whole = Reader(samples)
    first = asked(samples, whole, batch=4)
    assert [len(batch) for batch in whole.batches] == [4, 4, 4, 3]
    # A picture's questions stand together, in order of their ids: cup, key, lamp.
    assert [ask.image[0, 0, 0] for ask in whole.asks] == [n for n in range(5) for _ in range(3)]
    assert whole.batches[0] == ["Where is cup?", "Where is key?", "Where is lamp?", "Where is cup?"]
    for seed in range(3):
        mixed = random.Random(seed).sample(samples, len(samples))
        reader = Reader(mixed)
        assert asked(mixed, reader, batch=4) == first
        assert reader.batches == whole.batches


def test_a_picture_is_opened_once_for_the_questions_that_follow_each_other():
    opened = []

    def load():
        opened.append(1)
        return picture(7)

    many = [Sample(f"q{n}", load, SIZE, (turn(target(f"thing {n}", CUP)),), None, "one.jpg") for n in range(6)]
    reader = Reader(many)
    opened.clear()
    asked(many, reader, batch=2)
    assert len(opened) == 1
    assert len({id(ask.image) for ask in reader.asks}) == 1


def test_an_id_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="same id"):
        asked([*two_samples(), *two_samples()])


class Choosy(Reader):
    """Answers no question about a lamp, nor any batch with one."""

    def answer(self, ask):
        if "lamp" in ask.question:
            raise RuntimeError("out of memory\nand more")
        return super().answer(ask)


def test_what_fails_is_counted_and_named_and_the_others_are_asked():
    samples = questions_about(2)
    rows = {one.counts.id: one for one in asked(samples, Choosy(samples), batch=3)}
    assert len(rows) == 6
    for name, one in rows.items():
        if "lamp" in name:
            assert one.prediction.error == "RuntimeError: out of memory and more"
            assert (one.counts.failed, one.counts.iou, one.counts.intersection) == (True, 0.0, 0)
            assert one.counts.union == CUP.sum()  # it was there to be found
        else:
            assert (one.prediction.error, one.counts.iou) == (None, 1.0)
    assert PROTOCOL.summarise(one.counts for one in rows.values())["gIoU"] == pytest.approx(4 / 6)


def test_after_a_question_that_failed_the_conversation_is_not_gone_on_with():
    talk = sample("a", 1, turn(target("lamp", LAMP)), turn(target("cup", CUP)), turn(target("key", None)))
    first, second, third = asked([talk], Choosy([talk]))
    assert "out of memory" in first.prediction.error
    assert second.prediction.error == third.prediction.error
    assert second.prediction.error.startswith("not asked")
    assert [one.counts.iou for one in (first, second, third)] == [0.0, 0.0, 0.0]  # nor is saying nothing right


def test_a_picture_that_cannot_be_read_fails_all_its_questions():
    def damaged():
        raise ValueError("b.jpg: is damaged or cut off; get the whole file again")

    good = questions_about(1)
    bad = Sample("bad", damaged, SIZE, (turn(target("cup", CUP)), turn(target("key", CUP))), None, "b.jpg")
    other = Sample("small", lambda: np.zeros((4, 6, 3), np.uint8), SIZE, (turn(target("cup", CUP)),), None, "c.jpg")
    rows = {one.counts.id: one.prediction.error for one in asked([*good, bad, other], Reader(good))}
    assert rows["bad/0"] == rows["bad/1"] == "b.jpg: is damaged or cut off; get the whole file again"
    assert rows["small/0"] == "c.jpg: is 6 x 4 pixels and its annotations are for 10 x 10"
    assert [error for name, error in rows.items() if "-" in name] == [None, None, None]


def test_a_question_too_long_for_the_model_is_counted():
    predictor = Predictor(tiny.model())
    short, long = turn(target("the red cup", CUP)), turn(target("the red cup " * 1000, CUP))
    rows = asked([sample("long", 3, long), sample("short", 3, short)], predictor)
    assert rows[0].prediction.error
    assert rows[0].counts.iou == 0.0
    assert rows[1].prediction.error is None


class Few:
    """Pictures with three questions each."""

    def __init__(self, pictures):
        self.made = questions_about(pictures)
        self.names = sorted({one.image for one in self.made})

    def __len__(self):
        return len(self.names)

    def name(self, index):
        return self.names[index]

    def samples(self, index, protocol):
        return [one for one in self.made if one.image == self.names[index]]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_blocks_lose_no_question_and_ask_none_twice(processes, tmp_path):
    questions = Few(2 * BLOCK + 3)
    assert blocks(questions) == 3
    batches = []
    for rank in range(processes):
        reader = Reader(questions.made)
        with journal.Writer(tmp_path, rank) as writer:
            assert sum(run(reader, questions, Way(PROTOCOL), range(rank, 3, processes), writer)) % 3 == 0
        batches += reader.batches
    journals = journal.Reader(tmp_path)
    journals.poll()
    ids = [json.loads(line)["id"] for line in journals.lines()]
    assert ids == sorted(f"{one.id}/0" for one in questions.made)
    whole = Reader(questions.made)
    alone = tmp_path / "alone"
    alone.mkdir()
    with journal.Writer(alone, 0) as writer:
        list(run(whole, questions, Way(PROTOCOL), range(3), writer))
    assert sorted(batches) == sorted(whole.batches)


def test_true_answers_are_not_read_blind():
    forced = find("grefcoco").protocol("gres-teacher-forced")
    with pytest.raises(ValueError, match="--blind"):
        Way(forced, blind=True)
