"""The world through every format's files and directly: the same answers and numbers."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.exported import FORMATS, compare
from data import export
from model.answer import Answer
from model.predictor import Predictor
from tests.eval.board import segment

TINY = Path(__file__).parents[2] / "checkpoints/tiny"
UNLIKE = {"coco", "folder", "llava", "reason_plus"}  # no benchmark is made of these


class Painter:
    """Answers by pixels and words: whatever differs in either changes the mask."""

    def ask_all(self, asks):
        return [self.answer(ask) for ask in asks]

    def forget(self):
        pass

    def answer(self, ask):
        seed = zlib.crc32(ask.question.encode())
        near = (ask.image.astype(int) * [1, 3, 7]).sum(axis=2) % 256 < seed % 256
        drawn = segment("it", near)
        if seed % 5 == 0:
            drawn = segment("it", None)
        return Answer(ask.question, f"It is {'<REJ>' if drawn.rejected else '<SEG>'}.", (drawn,))


def test_every_format_that_is_a_benchmark_is_compared():
    assert set(FORMATS) == set(export.available()) - UNLIKE


@pytest.mark.parametrize("form", FORMATS)
def test_files_change_no_answer_and_no_number(form):
    for one in compare((Painter(), Painter()), form, 3):
        assert one.questions and one.different == 0, one.name
        assert one.through_files == one.directly
        assert any(value not in (None, 0.0, 1.0) for value in one.directly.values()), one


@pytest.mark.slow
@pytest.mark.parametrize("form", ["grefcoco", "reason_seg", "muse", "mapillary"])
def test_nor_does_the_shipped_model_tell_the_difference(form):
    predictors = Predictor.from_pretrained(TINY), Predictor.from_pretrained(TINY)
    for one in compare(predictors, form, 2):
        assert one.different == 0 and one.through_files == one.directly
        assert np.isfinite([value for value in one.directly.values() if value is not None]).all()
