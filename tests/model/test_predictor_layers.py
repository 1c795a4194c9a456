"""A mark at every layer, and its mask drawn again from another layer or with other settings."""

import dataclasses

import numpy as np
import pytest
import torch

from model import seen
from model.grounding import GroundingModel
from model.placement import Placement
from model.predictor import Predictor
from model.prompting.points import Options, select
from tests import tiny
from tests.model.test_predictor import picture

QUESTIONS = ["Where?", "Where is the red cup?", "Show me all the fruit.", "The lamp?"]
HISTORY = [("Where is the red cup?", "The red cup <SEG> is here.")]


def talker(**layer: object) -> GroundingModel:
    """The model that writes marks, with another layer policy."""
    made = tiny.talker()
    torch.manual_seed(5)
    config = dataclasses.replace(made.config, layer=dataclasses.replace(made.config.layer, **layer))
    made.backbone.choose_layers(config.layer.candidates)
    changed = GroundingModel(made.backbone, made.segmenter, dict(made.channels), config)
    if config.layer.learned:
        torch.nn.init.normal_(changed.policy.weight)
    return changed.eval()


def segments(predictor: Predictor, size: tuple[int, int] = (40, 60), history=()) -> list:
    predictor.set_image(picture(0, size))
    found = [segment for question in QUESTIONS for segment in predictor.ask(question, history).segments]
    assert found
    return found


def same_mask(one, other) -> None:
    torch.testing.assert_close(one.evidence.low, other.evidence.low, atol=1e-4, rtol=1e-4)
    assert (one.mask != other.mask).mean() < 1e-3 and one.score == pytest.approx(other.score, abs=1e-4)
    assert (one.phrase, one.rejected) == (other.phrase, other.rejected)


POLICIES = [
    {"policy": "last"},
    {"policy": "fixed", "index": 1},
    {"policy": "fixed", "index": 1, "layer_for": "map"},
    {"policy": "soft"},
    {"policy": "group"},
    {"policy": "sampled", "layer_for": "map"},
]


@pytest.mark.parametrize("layer", POLICIES)
@pytest.mark.parametrize("history", [(), HISTORY])
def test_a_mark_read_again_is_what_it_was_when_it_was_written(layer, history, monkeypatch):
    predictor = Predictor(talker(**layer))
    kept = []
    inner = predictor.model.ground
    monkeypatch.setattr(predictor.model, "ground", lambda *given: kept.append(given[0]) or inner(*given))
    found = segments(predictor, history=history)
    marks = torch.cat([trace.marks for trace in kept])
    for number, segment in enumerate(found):
        again = predictor.model.layers(picture(0, (40, 60)), segment.evidence.said)
        assert again.layers == (0, 1, 2)
        torch.testing.assert_close(again.states[list(kept[0].layers)], marks[number], atol=2e-3, rtol=1e-4)
        shares = torch.tensor([segment.evidence.layers.get(layer, 0.0) for layer in again.layers])
        mixed = (again.maps * shares[:, None, None]).sum(dim=0)
        np.testing.assert_allclose(mixed.numpy(), segment.evidence.map, atol=1e-4)


@pytest.mark.parametrize("padding", ["letterbox", "corner", "centre_crop"])
@pytest.mark.parametrize("size", [(44, 62), (90, 30)])
def test_padding_and_hidden_patches_are_as_they_were(padding, size):
    made = tiny.talker()
    options = dataclasses.replace(made.backbone.options, padding=padding, hide_padding=padding == "corner")
    made.backbone.options = options
    predictor = Predictor(made)
    found = []
    for seed in range(6):
        predictor.set_image(picture(seed, size))
        found += [(seed, segment) for question in QUESTIONS for segment in predictor.ask(question).segments]
    assert found
    for seed, segment in found:
        again = predictor.model.layers(picture(seed, size), segment.evidence.said)
        shares = torch.tensor(list(segment.evidence.layers.values()))
        mixed = (again.maps * shares[:, None, None]).sum(dim=0)
        np.testing.assert_allclose(mixed.numpy(), segment.evidence.map, atol=1e-4)


def test_the_layer_that_spoke_has_the_map_of_the_answer_and_the_others_their_own():
    predictor = Predictor(talker(policy="last"))
    for segment in segments(predictor):
        maps = predictor.layer_maps(segment)
        assert list(maps) == [0, 1, 2]
        assert np.array_equal(maps[2], segment.evidence.map)
        assert all(
            one.shape == (8, 8) and one.dtype == np.float32 and 0 <= one.min() <= one.max() <= 1
            for one in maps.values()
        )
        assert np.abs(maps[1] - maps[2]).max() > 0.1
        maps[2][:] = 7  # the caller's own
        assert segment.evidence.map.max() <= 1


@pytest.mark.parametrize("layer", POLICIES)
def test_nothing_changed_draws_the_same_mask(layer):
    predictor = Predictor(talker(**layer))
    for segment in segments(predictor):
        same_mask(predictor.reground(segment), segment)
        same_mask(predictor.reground(segment, positive=0.8, negative=0.2), segment)
        used = [number for number, share in segment.evidence.layers.items() if share == 1]
        for number in used:
            same_mask(predictor.reground(segment, layer=number), segment)


@pytest.mark.parametrize("feeds", ["map", "map+embedding"])
def test_another_layer_draws_what_a_model_of_that_layer_draws(feeds):
    predictor = Predictor(talker(policy="last", layer_for=feeds))
    for segment in segments(predictor):
        for layer in (0, 1):
            other = predictor.reground(segment, layer=layer)
            assert other.evidence.layers == {layer: 1.0} and other.evidence.said is segment.evidence.said
            assert np.array_equal(other.evidence.map, predictor.layer_maps(segment)[layer])
            fixed = Predictor(talker(policy="fixed", index=layer, layer_for=feeds))
            fixed.set_image(picture(0, (40, 60)))
            twin = next(
                s
                for q in QUESTIONS
                for s in fixed.ask(q).segments
                if torch.equal(s.evidence.said, segment.evidence.said)
            )
            np.testing.assert_allclose(other.evidence.map, twin.evidence.map, atol=1e-4)
            torch.testing.assert_close(
                other.evidence.prompts.embeddings, twin.evidence.prompts.embeddings, atol=1e-3, rtol=1e-3
            )
            same_mask(predictor.reground(other), other)
            back = predictor.reground(other, layer=2)
            np.testing.assert_allclose(back.evidence.map, segment.evidence.map, atol=1e-4)


def test_thresholds_choose_the_points_that_the_formula_says():
    predictor = Predictor(talker(policy="last"))
    segment = segments(predictor)[0]
    moved = predictor.reground(segment, positive=0.5, negative=0.4, keep=20)
    prompts = moved.evidence.prompts
    valid = segment.evidence.frame.valid_mask()
    _, labels = select(torch.from_numpy(segment.evidence.map)[None], valid, Options(1, 0.5, 0.4, 20))
    assert prompts.points.shape == (1, 20, 2)
    assert torch.equal(prompts.labels, labels)
    cells = segment.evidence.map[valid.numpy()]
    assert int((prompts.labels == 1).sum()) == min(20, int((cells >= 0.5).sum()))
    assert torch.equal(prompts.embeddings, predictor.reground(segment, keep=8).evidence.prompts.embeddings)
    assert segment.evidence.prompts.points.shape == (1, 8, 2)
    assert predictor.model.channels["points"].options.keep == 8  # the model's own are as they were


def test_what_is_rejected_stays_so_and_clicks_stay_in_force():
    predictor = Predictor(talker(policy="last"))
    found = segments(predictor)
    absent = next(segment for segment in found if segment.rejected)
    moved = predictor.reground(absent, layer=1)
    assert moved.rejected and not moved.mask.any()
    assert predictor.segment_anyway(moved).evidence.prompts.embeddings is not None
    present = next(segment for segment in found if not segment.rejected)
    clicked = predictor.refine(present, np.array([[5.0, 6.0]]), np.array([1]))
    assert torch.equal(clicked.evidence.said, present.evidence.said)
    moved = predictor.reground(clicked, layer=1)
    assert moved.evidence.clicks.points.tolist() == [[[5, 6]]]
    plain = predictor.refine(predictor.reground(present, layer=1), np.array([[5.0, 6.0]]), np.array([1]))
    same_mask(moved, plain)


def test_a_picture_pushed_out_is_read_again_and_what_is_kept_is_bounded(monkeypatch):
    predictor = Predictor(talker(policy="last"), keep_bytes=0)
    found = segments(predictor)
    maps = predictor.layer_maps(found[0])
    predictor.set_image(picture(1))
    with pytest.raises(ValueError, match="another picture"):
        predictor.layer_maps(found[0])
    with pytest.raises(ValueError, match="another picture"):
        predictor.reground(found[0], layer=1)
    predictor.set_image(picture(0, (40, 60)))
    for layer, one in predictor.layer_maps(found[0]).items():
        np.testing.assert_allclose(one, maps[layer], atol=1e-4)
    monkeypatch.setattr(seen, "LOOKED", 1)
    before = predictor.memory.bytes
    predictor.layer_maps(found[1])
    assert predictor.memory.bytes == before
    calls = []
    inner = predictor.model.backbone.reread
    monkeypatch.setattr(predictor.model.backbone, "reread", lambda *given: calls.append(1) or inner(*given))
    predictor.reground(found[1], layer=0)
    predictor.reground(found[1], layer=1)
    assert calls == []  # a slider moves without the model
    predictor.layer_maps(found[0])
    assert calls == [1]


@pytest.mark.parametrize(
    ("layer", "options", "says"),
    [
        (9, {}, "no layer 9"),
        (-1, {}, "no layer -1"),
        (None, {"positiv": 0.5}, "no setting 'positiv'"),
        (None, {"positive": "high"}, "expected float"),
        (None, {"positive": float("nan")}, r"not in \[0, 1\]"),
        (None, {"negative": 2.0}, r"not in \[0, 1\]"),
        (None, {"keep": 10**9}, "more than the map's 64"),
        (None, {"keep": 0}, "at least 1"),
        (None, {"factor": 9}, "leaves nothing"),
    ],
)
def test_what_cannot_be_is_one_plain_line(layer, options, says):
    predictor = Predictor(talker(policy="last"))
    segment = segments(predictor)[0]
    with pytest.raises(ValueError, match=says):
        predictor.reground(segment, layer, **options)


def test_a_model_without_points_has_no_thresholds():
    made = talker(policy="last")
    del made.channels["points"]
    predictor = Predictor(made)
    segment = segments(predictor)[0]
    with pytest.raises(ValueError, match="no setting 'positive'"):
        predictor.reground(segment, positive=0.5)
    assert predictor.reground(segment, layer=1).evidence.prompts.points is None


@pytest.mark.parametrize("system", ["read", "uground"])
def test_the_published_mappings_are_kept(system):
    made = talker(policy="last")
    if system == "uground":
        del made.channels["points"]
    else:
        del made.channels["mask"]
    config = dataclasses.replace(made.config, published=system)
    predictor = Predictor(GroundingModel(made.backbone, made.segmenter, dict(made.channels), config).eval())
    segment = segments(predictor)[0]
    np.testing.assert_allclose(
        predictor.model.layers(predictor.image, segment.evidence.said).maps[2].numpy(), segment.evidence.map, atol=1e-4
    )
    same_mask(predictor.reground(segment, layer=2), segment)
    if system == "read":
        same_mask(predictor.reground(segment, positive=0.8), segment)
        with pytest.raises(ValueError, match="leaves nothing"):
            predictor.reground(segment, factor=9)


def test_half_precision_says_nearly_the_same():
    predictor = Predictor(talker(policy="last").place(Placement(device="cpu", precision="bfloat16")))
    predictor.set_image(picture())
    answers = [predictor.ask(question) for question in QUESTIONS]
    assert any(answer.segments for answer in answers)
    for segment in (s for answer in answers for s in answer.segments):
        again = predictor.model.layers(predictor.image, segment.evidence.said)
        assert np.abs(again.maps[2].numpy() - segment.evidence.map).mean() < 0.05
        assert predictor.reground(segment, layer=1).mask.shape == segment.mask.shape
