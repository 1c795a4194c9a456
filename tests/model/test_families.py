"""Every family of backbones with every family of segmenters, by every channel that speaks for a mark."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from model.predictor import Predictor
from tests import families, tiny
from tests.model.segmenters import test_sam2, test_sam3_tracker

SEGMENTERS = {
    "sam": tiny.config().segmenter.options,
    "sam2": asdict(test_sam2.TINY),
    "sam3_tracker": asdict(test_sam3_tracker.TINY),
}
CHANNELS = {name: tiny.config().channels[name] for name in ("embedding", "points", "mask")}
SIZE = (30, 90)
QUESTION = "Where is the red cup?"


@pytest.mark.parametrize("channel", [*CHANNELS, "all"])
@pytest.mark.parametrize("segmenter", SEGMENTERS)
@pytest.mark.parametrize("family", sorted(families.OPTIONS))
def test_a_mark_is_drawn_saved_and_drawn_again(family, segmenter, channel, tmp_path):
    parts = {"family": segmenter, "options": SEGMENTERS[segmenter]}
    channels = CHANNELS if channel == "all" else {channel: CHANNELS[channel]}
    made, image = families.marking(family, [(QUESTION, None)], SIZE, segmenter=parts, channels=channels)
    made.save_pretrained(tmp_path / "made")
    answers = []
    for predictor in (Predictor(made), Predictor.from_pretrained(tmp_path / "made")):
        predictor.set_image(image)
        answers.append(predictor.ask(QUESTION, max_new_tokens=8))
    first, again = answers
    assert first.text == again.text and "<SEG>" in first.text and len(first.segments) == len(again.segments) >= 1
    for one, two in zip(first.segments, again.segments, strict=True):
        assert one.mask.shape == SIZE and np.array_equal(one.mask, two.mask) and one.score == two.score
    prompts = next(one for one in first.segments if not one.rejected).evidence.prompts
    given = {"embedding": prompts.embeddings, "points": prompts.points, "mask": prompts.mask}
    assert {name for name, one in given.items() if one is not None} == set(channels)
    assert all(torch.isfinite(one).all() for one in given.values() if one is not None)
