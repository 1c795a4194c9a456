"""Each published paradigm and ours, composed as its preset says, at tiny size: from packed chats and from generation to
masks."""

import dataclasses

import numpy as np
import pytest
import torch

from model import config
from model.backbones.base import ChatBatch
from model.grounding import GroundingModel
from model.predictor import Predictor
from tests import tiny
from train.batches import Item, collate

PARADIGMS = ("lisa", "gsva", "read", "uground", "pinpoint")
SHAPES = [(40, 60), (90, 30), (20, 400)]
# Several <SEG> and <REJ> in one answer, none, one first, one last, marks in two conversations on one picture.
TALKS = [
    [("Where?", "<SEG> is the red cup <SEG>"), ("And?", "The lamp <REJ> is not here, the red cup <SEG>.")],
    [("What?", "No."), ("Show me all the fruit.", "<REJ>")],
    [("The red cup?", "The red <SEG><SEG><SEG>")],
]
KEPT = [3, 0, 3]


def build(name: str, **changes: object) -> GroundingModel:
    """A preset's channels and layer policy on tiny networks."""
    chosen = config.preset(name)
    layer = dataclasses.asdict(chosen.layer) | changes
    return tiny.model(channels=chosen.channels, layer=layer)


def picture(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def batch(model: GroundingModel, talks: list[list[tuple[str, str]]], sizes: list[tuple[int, int]]) -> ChatBatch:
    items = [
        Item(
            model.backbone.prepare(picture(size)),
            torch.zeros(3, 2, 2),
            size,
            tuple(model.backbone.encode_chat([turn]) for turn in talk),
            torch.zeros(0),
        )
        for talk, size in zip(talks, sizes, strict=True)
    ]
    return collate(items, model.backbone.pad_id).chat


@pytest.mark.parametrize("name", PARADIGMS)
def test_a_batch_of_mixed_counts_is_grounded_picture_by_picture(name):
    model = build(name)
    with torch.no_grad():
        traces = model.backbone(batch(model, TALKS, SHAPES)).traces
        assert [len(trace) for trace in traces] == [4, 1, 3]
        assert traces[0].rejected.tolist() == [False, False, True, False] and traces[1].rejected.tolist() == [True]
        for trace, size, kept in zip(traces, SHAPES, KEPT, strict=True):
            features = model.segmenter.encode(model.segmenter.prepare(picture(size))[None], [size])[0]
            present = trace.select(~trace.rejected)
            grounding = model.ground(present, size)
            masks = model.segmenter.decode(features, grounding.prompts)
            logits = model.segmenter.upscale(masks.low, features)
            assert logits.shape == (kept, 1, *size) and logits.isfinite().all()
            given = {
                f.name for f in dataclasses.fields(grounding.prompts) if getattr(grounding.prompts, f.name) is not None
            }
            wanted = {"embedding": {"embeddings"}, "points": {"points", "labels"}, "mask": {"mask"}}
            assert given == set().union(*(wanted[channel] for channel in config.preset(name).channels))


@pytest.mark.parametrize("name", PARADIGMS)
def test_a_picture_among_others_is_grounded_as_it_is_alone(name):
    model = build(name)
    with torch.no_grad():
        together = model.backbone(batch(model, TALKS, SHAPES)).traces[0]
        alone = model.backbone(batch(model, TALKS[:1], SHAPES[:1])).traces[0]
        one, two = (model.ground(trace, SHAPES[0]) for trace in (together, alone))
    torch.testing.assert_close(one.maps, two.maps, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one.prompts.embeddings, two.prompts.embeddings, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", PARADIGMS)
def test_it_answers_and_comes_back_from_a_folder(name, tmp_path):
    model = build(name)
    if model.policy.state_dict():
        torch.nn.init.normal_(model.policy.weight)
    model.save_pretrained(tmp_path / "model")
    answers = []
    for made in (model, GroundingModel.from_pretrained(tmp_path / "model")):
        torch.nn.init.zeros_(made.backbone.llava.lm_head.weight)
        made.backbone.llava.lm_head.weight.data[made.backbone.mark_ids[0]] = (
            made.backbone.llava.model.language_model.norm.weight
        )
        predictor = Predictor(made)
        predictor.set_image(picture(SHAPES[0]))
        answers.append(predictor.ask("Where is the red cup?", max_new_tokens=3))
    assert answers[0].text == answers[1].text
    for one, two in zip(answers[0].segments, answers[1].segments, strict=True):
        np.testing.assert_array_equal(one.mask, two.mask)
        assert one.evidence.layers == two.evidence.layers


def test_one_encoding_serves_every_question(monkeypatch):
    model = build("pinpoint")
    calls = []
    encode = model.segmenter.encode
    monkeypatch.setattr(model.segmenter, "encode", lambda *args: calls.append(1) or encode(*args))
    monkeypatch.setattr(model.backbone, "generate", lambda prefixes, *_: [_written(model, p) for p in prefixes])
    predictor = Predictor(model)
    predictor.set_image(picture(SHAPES[0]))
    for question in ("Where?", "And the lamp?", "What?"):
        assert len(predictor.ask(question).segments) == 2
    assert len(calls) == 1


def _written(model, prefix):
    """An answer with two marks, whatever was asked."""
    from model.backbones.base import Generated
    from model.tracing import Trace

    marks = torch.randn(2, len(model.backbone.layers), model.backbone.state_size)
    trace = Trace(
        marks, prefix.states, model.backbone.grid, prefix.frame, torch.tensor([False, True]), model.backbone.layers
    )
    return Generated(torch.zeros(2, dtype=torch.int64), "The red cup <SEG>, the lamp <REJ>.", trace, "end")


@pytest.mark.parametrize("use", ["likely", "best", "last"])
def test_the_learned_layer_is_applied_in_use_and_switched_by_name(use, tmp_path):
    model = build("uground", policy="group")
    torch.nn.init.normal_(model.policy.weight, std=9)
    model.save_pretrained(tmp_path / "model")
    again = GroundingModel.from_pretrained(tmp_path / "model", layer=use)
    with torch.no_grad():
        trace = again.backbone(batch(again, TALKS, SHAPES)).traces[2]
        features = again.segmenter.encode(again.segmenter.prepare(picture(SHAPES[2]))[None], [SHAPES[2]])[0]
        choice = again.choose(trace, features)
        scores = [
            again.segmenter.decode(features, again.ground(trace, SHAPES[2], tried).prompts).iou[:, 0]
            for tried in again.policy.ranked(trace.marks)
        ]
    likely = choice.probabilities.argmax(dim=1)
    if use == "last":
        assert (choice.layers == len(again.backbone.layers) - 1).all() and not torch.equal(choice.layers, likely)
    elif use == "likely":
        assert torch.equal(choice.layers, likely)
    else:
        best = torch.stack(scores).argmax(dim=0)
        ranked = torch.stack([tried.layers for tried in again.policy.ranked(trace.marks)])
        assert torch.equal(choice.layers, ranked.gather(0, best[None])[0])


def test_a_policy_that_learned_nothing_has_no_other_use(tmp_path):
    build("read").save_pretrained(tmp_path / "model")
    GroundingModel.from_pretrained(tmp_path / "model", layer="last")
    with pytest.raises(ValueError, match="needs a learned policy"):
        GroundingModel.from_pretrained(tmp_path / "model", layer="best")


def test_what_a_layer_feeds():
    """ "map": the embedding is the last layer's; "map+embedding": both are the policy's."""
    both, only = build("uground", layer_for="map+embedding"), build("uground", layer_for="map")
    with torch.no_grad():
        trace = both.backbone(batch(both, TALKS, SHAPES)).traces[2]
        first = torch.zeros(3, dtype=torch.int64)
        choice = both.policy.choose(trace.marks)
        choice = dataclasses.replace(choice, layers=first, weights=torch.nn.functional.one_hot(first, 3).float())
        assert torch.equal(both.maps(trace, choice)[0], trace.marks[:, 0])
        assert torch.equal(only.maps(trace, choice)[0], trace.marks[:, -1])
        assert torch.equal(both.maps(trace, choice)[1], only.maps(trace, choice)[1])


def test_a_soft_policy_mixes_maps_after_min_max():
    model = build("uground", policy="soft")
    torch.nn.init.normal_(model.policy.weight)
    with torch.no_grad():
        trace = model.backbone(batch(model, TALKS, SHAPES)).traces[0]
        choice = model.policy.choose(trace.marks)
        states, maps = model.maps(trace, choice)
        valid = trace.frame.valid_mask()
        expected = torch.zeros_like(maps)
        for layer in range(3):
            raw = (trace.marks[:, layer] @ trace.image[layer].T).view(-1, *trace.grid)
            low = torch.stack([one[valid].min() for one in raw])[:, None, None]
            high = torch.stack([one[valid].max() for one in raw])[:, None, None]
            expected += choice.weights[:, layer, None, None] * ((raw - low) / (high - low)) * valid
    torch.testing.assert_close(maps, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(states, (choice.weights[..., None] * trace.marks).sum(dim=1))
