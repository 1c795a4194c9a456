import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from data import masks
from data.datasets.base import Picture, Query
from data.sample import Target
from data.settings import build
from eval import benchmarks, forced
from eval.benchmarks.base import Read
from eval.journal import Reader, Writer
from eval.predictions import Prediction
from eval.protocols import GRES, GRES_FORCED
from eval.run import Way, run
from model.placement import Placement
from model.predictor import Predictor
from tests.tiny import model as tiny

SIZE = (40, 56)
CUP = np.zeros(SIZE, bool)
CUP[5:20, 5:20] = True


class Toy:
    """One picture and three phrases, of which one is not there."""

    name, split = "grefcoco", "val"

    def __init__(self, image):
        self.image = image

    def __len__(self):
        return 1

    def picture(self, index):
        image = self.image

        class Drawn(Picture):
            def load(self):
                if isinstance(image, Exception):
                    raise image
                return image

        return Drawn(None, "toy.png", SIZE)

    def queries(self, index):
        texts = {"red cup": CUP, "key": None, "blue ball": ~CUP}
        return [
            Query(f"grefcoco/val/{n}/0", text, "phrase", (Target(text, None if m is None else masks.encode(m)),))
            for n, (text, m) in enumerate(texts.items())
        ]


def asked(image=None):
    image = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8) if image is None else image
    return Read(benchmarks.find("grefcoco"), "val", Toy(image))


def read(model, questions=None):
    joint, alone = (questions or asked()).together(0, GRES_FORCED)
    return forced.answer(model, joint.load(), joint, alone)


def writing(model, mark):
    """The model, which writes that mark whatever it reads; None leaves its words."""
    inside = model.backbone.forward

    def forward(batch):
        out = inside(batch)
        if mark is not None:
            out.logits[:, model.backbone.mark_ids[mark]] = 1e4
        return out

    model.backbone.forward = forward
    return model


def test_every_phrase_has_a_prediction_under_the_id_that_it_has_alone():
    questions = asked()
    found = read(tiny(), questions)
    alone = questions.samples(0, GRES)
    assert [one.id for one in found] == [f"{sample.id}/0" for sample in alone]
    assert {one.question for one in found} == {
        " What are red cup, key, blue ballin this image? Please output segmentation masks."
    }
    assert [len(one.truth.targets) for one in found] == [1, 1, 1]
    assert all(one.error is None and one.size == SIZE and one.image == "toy.png" for one in found)


def test_a_mark_is_what_would_be_written_and_anything_else_is_the_other_one():
    # the truth is <SEG>, <REJ>, <SEG>
    told = {}
    for mark in (0, 1, None):
        found = read(writing(tiny(), mark))
        told[mark] = [one.given[0].rle is None for one in found]
        for one in found:
            assert (one.given[0].hidden is None) == (one.given[0].rle is not None)
            assert one.answer.endswith("<REJ>" if one.given[0].rle is None else "<SEG>")
    assert told[0] == [False, False, False]
    assert told[1] == [True, True, True]
    assert told[None] == [True, False, True]  # a random model writes neither: each is taken for the other


def test_masks_are_those_of_marks_that_are_all_drawn():
    model = tiny()
    shown = read(writing(model, 0))
    hidden = read(writing(tiny(), 1))
    assert [one.given[0].rle for one in shown] == [one.given[0].hidden for one in hidden]
    # another way to the first mask: the answer cut after it, which later words cannot change
    image = asked().samples(0, GRES)[0].load()
    chat = model.backbone.encode_chat([(shown[0].question, "Sure, red cup:<SEG>")])
    prepared = model.backbone.prepare(image)[None]
    with torch.inference_mode():
        (trace,) = model.backbone(forced._batch(chat, prepared, SIZE)).traces
        (features,) = model.segmenter.encode(model.segmenter.prepare(image)[None], [SIZE])
        low = model.segmenter.decode(features, model.ground(trace, SIZE).prompts).low
        first = (model.segmenter.upscale(low, features)[0, 0] > 0).numpy()
    assert (masks.decode(shown[0].given[0].rle) != first).mean() < 0.001


def test_it_computes_in_what_the_model_is_placed_in():
    seen = {}
    for precision in ("float32", "bfloat16"):
        model = tiny().place(Placement(device="cpu", precision=precision))
        layers = model.backbone.llava.model.language_model.layers[0].mlp.up_proj, model.segmenter.image_encoder.neck[0]
        for layer in layers:
            layer.register_forward_hook(lambda _, __, out, p=precision: seen.setdefault(p, []).append(out.dtype))
        found = read(model)
        assert [one.error for one in found] == [None] * 3
    assert seen == {name: [getattr(torch, name)] * 3 for name in seen} and len(seen) == 2  # two readings, one picture


def test_what_it_scores():
    rejecting = read(writing(tiny(), 1))
    right = [
        replace(one, given=(replace(one.given[0], hidden=masks.encode(m)),))
        for one, m in zip(rejecting, (CUP, CUP, ~CUP), strict=True)
    ]
    found = GRES_FORCED.summarise(GRES_FORCED.count(one) for one in right)
    assert found == {"gIoU": 1.0, "cIoU": 1.0, "N-acc": 1.0, "T-acc": 0.0}  # the fault that it is known for
    assert GRES.summarise(GRES.count(one) for one in right)["gIoU"] == pytest.approx(1 / 3)


def run_on(questions, model, folder):
    """What an evaluation writes down."""
    with Writer(folder, 0) as journal:
        list(run(Predictor(model), questions, Way(GRES_FORCED), range(1), journal))
    journals = Reader(folder)
    journals.poll()
    return [build(Prediction, {k: v for k, v in json.loads(one).items() if k != "iou"}, "") for one in journals.lines()]


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (ValueError("toy.png: is damaged"), "toy.png: is damaged"),
        (np.zeros((5, 7, 3), np.uint8), "toy.png: is 7 x 5 pixels and its annotations are for 56 x 40"),
        (KeyError("size"), "KeyError: 'size'"),
    ],
)
def test_what_fails_is_said_of_every_phrase(image, error, tmp_path):
    found = run_on(asked(image), tiny(), tmp_path)
    assert [one.error for one in found] == [error] * 3
    assert GRES_FORCED.summarise(GRES_FORCED.count(one) for one in found)["gIoU"] == 0


def test_a_model_that_cannot_reject_is_refused_and_not_scored(tmp_path):
    model = tiny()
    model.backbone.mark_ids = (model.backbone.mark_ids[0], -1)
    with pytest.raises(ValueError, match="gres-teacher-forced: asks for what is absent, and the model has no <REJ>"):
        run_on(asked(), model, tmp_path)
