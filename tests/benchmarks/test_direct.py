"""The transcriptions of the published way agree with ours, and with the formulas worked out by hand."""

import math

import numpy as np
import pytest
import torch

from benchmarks import direct
from benchmarks.bench import conversation, write_marks
from benchmarks.items import trace
from data.geometry import Frame
from model.predictor import Predictor
from model.prompting.points import refine
from tests import tiny

QUESTION = "Where is the red cup?"


def picture(size=(48, 64)):
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_points_are_the_expectation_over_every_pixel():
    frame = Frame.identity((3, 4))
    chart = torch.linspace(0, 1, 12).view(1, 3, 4)
    made = direct.points(torch.tensor([[[1.0, 2.0]]]), chart, frame)[0, 0]
    total = across = down = 0.0
    for y in range(3):
        for x in range(4):
            weight = math.exp(-((x - 1) ** 2 + (y - 2) ** 2)) * math.exp((4 * y + x) / 11)
            total, across, down = total + weight, across + weight * x, down + weight * y
    assert made.tolist() == pytest.approx([across / total, down / total], abs=1e-6)


def test_points_agree_with_the_window():
    frame = Frame.letterbox((60, 90), 96, centred=True).scaled(12, 12)
    maps = torch.rand(2, 12, 12) * frame.valid_mask()
    start = torch.rand(2, 8, 2) * torch.tensor([110.0, 80.0]) - 10  # some lie outside
    assert (direct.points(start, maps, frame) - refine(start, maps, frame)).abs().max() < 1e-3


def test_maps_of_stacked_layers_agree_with_the_trace():
    model = tiny.model(layer={"policy": "soft"})
    batch = conversation(model, picture(), 2)
    with torch.inference_mode():
        ours, theirs = trace.by_hooks(model, batch), trace.by_stacking(model, batch)
    assert ours.shape == theirs.shape == (3, 2, 8, 8)
    assert (ours - theirs).abs().max() < 1e-4


def test_an_answer_agrees_with_the_predictor():
    model = tiny.model()
    head = model.backbone.llava.lm_head
    head.weight = torch.nn.Parameter(head.weight.clone())  # no longer the embeddings
    write_marks(model)
    predictor = Predictor(model)
    predictor.set_image(picture())
    ours, told = predictor.ask(QUESTION, max_new_tokens=16), direct.answer(model, picture(), QUESTION, 16)
    assert ours.text == told.text and len(ours.segments) == len(told.masks) > 0
    for segment, logits in zip(ours.segments, told.logits, strict=True):
        low = segment.evidence.low
        mine = model.segmenter.upscale(low, predictor._features(predictor._current()))[0, 0]
        assert (mine - logits).abs().max() < 1e-4
