"""Answers in coordinates, from the words to masks, clicks and what a person reads."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from data.geometry import Frame
from data.settings import build
from model.coordinates import place, read, write
from model.grounding import GroundingModel
from model.predictor import Ask, Predictor
from model.prompting import coordinates
from tests import spoken, tiny
from train.batches import Item, collate

SIZE = (40, 60)
MANY = json.dumps([{"bbox_2d": [n, 20, n + 9, 40]} for n in range(9)])


def channel(**options: object) -> coordinates.Channel:
    return coordinates.Channel(build(coordinates.Options, options, "channels"), 8, 8)


@pytest.fixture
def predictor() -> Predictor:
    made = spoken.model()
    spoken.writes(made, spoken.TWO)
    predictor = Predictor(made)
    predictor.set_image(spoken.picture())
    return predictor


def test_each_target_is_a_segment_with_its_box_and_points(predictor):
    answer = predictor.ask("Where are they?")
    cup, lamp = answer.segments
    assert [one.phrase for one in answer.segments] == ["the red cup", "the lamp"] and not answer.notes
    # By hand: 10 rows of padding above, and half a pixel less, for an integer is a pixel's centre.
    left, top, right, bottom = cup.evidence.prompts.boxes[0].tolist()
    assert (left, right) == pytest.approx((14.5, 44.5))
    assert (top, bottom) == pytest.approx((12 * 40 / 43 - 0.5, 33 * 40 / 43 - 0.5))
    assert cup.evidence.prompts.points is None and lamp.evidence.prompts.boxes is None
    (point,) = lamp.evidence.prompts.points[0].tolist()
    assert point == pytest.approx([29.5, 22 * 40 / 43 - 0.5])
    assert lamp.evidence.prompts.labels.tolist() == [[1]]
    for one in answer.segments:
        assert one.mask.shape == SIZE and one.mask.dtype == bool and not one.rejected and 0 <= one.score <= 1
        assert not one.evidence.map.any() and one.evidence.frame is not None


def test_masks_are_those_of_the_segmenter_for_that_box_alone(predictor):
    cup, lamp = predictor.ask("Where are they?").segments
    model = predictor.model
    with torch.no_grad():
        features = model.segmenter.encode(model.segmenter.prepare(spoken.picture())[None], [SIZE])[0]
        for one in (cup, lamp):
            low = model.segmenter.decode(features, one.evidence.prompts).low
            assert np.array_equal(one.mask, (model.segmenter.upscale(low, features)[0, 0] > 0).numpy())
            torch.testing.assert_close(one.evidence.low, low)


def test_thousandths_place_the_same_target():
    made = spoken.model(frame="thousandths")
    spoken.writes(made, '[{"bbox_2d": [250, 500, 750, 1000], "label": "cup"}]')
    predictor = Predictor(made)
    predictor.set_image(spoken.picture())
    (cup,) = predictor.ask("Where?").segments
    assert cup.evidence.prompts.boxes[0].tolist() == pytest.approx([14.5, 19.5, 44.5, 39.5])


def test_none_is_a_rejection_by_the_name_that_was_asked_for():
    made = spoken.model()
    spoken.writes(made, spoken.NONE)
    predictor = Predictor(made)
    predictor.set_image(spoken.picture())
    (key,) = predictor.ask("Where is the green key?").segments
    assert (key.phrase, key.rejected, key.score, key.mask.any()) == ("the green key", True, 0.0, False)
    assert key.evidence.prompts.boxes.tolist() == [[-0.5, -0.5, 59.5, 39.5]]  # the whole picture, should it be drawn
    drawn = predictor.segment_anyway(key)
    assert not drawn.rejected and drawn.span == key.span and drawn.phrase == key.phrase


def test_clicks_correct_a_target_and_it_keeps_its_place_in_the_words(predictor):
    cup = predictor.ask("Where are they?").segments[0]
    seen, decode = [], predictor.model.segmenter.decode
    predictor.model.segmenter.decode = lambda features, prompts: seen.append(prompts) or decode(features, prompts)
    trimmed = predictor.refine(cup, np.array([[40.0, 30.0]]), np.array([0]))
    assert torch.equal(seen[-1].boxes, cup.evidence.prompts.boxes) and torch.equal(seen[-1].mask, cup.evidence.low)
    assert trimmed.span == cup.span is not None and trimmed.evidence.prompts is cup.evidence.prompts
    predictor.refine(trimmed, np.zeros((0, 2)), np.zeros(0), box=np.array([1, 2, 30, 20]))
    assert seen[-1].boxes.tolist() == [[1, 2, 30, 20]]
    with pytest.raises(ValueError, match="no layer of the language model"):
        predictor.layer_maps(cup)
    with pytest.raises(ValueError, match="no layer of the language model"):
        predictor.reground(cup, layer=0)


def test_a_question_is_put_in_its_wording_and_so_is_the_talk_before():
    made = spoken.model(wording="vision_reasoner")
    told = spoken.writes(made, spoken.TWO)
    predictor = Predictor(made)
    predictor.set_image(spoken.picture())
    predictor.ask("The Lamp?", [("The Cup.", "[]")])
    ((first, given), (second, last)) = told[0]
    assert first.startswith("Look for 'the cup'.") and second.startswith("Look for 'the lamp'.")
    assert (given, last) == ("[]", None) and '"point_2d": [x, y]}' in second


def test_every_wording_holds_the_question_and_an_example():
    for name in coordinates.WORDINGS:
        put = channel(wording=name).put("find {example} and {question}")
        assert put.count("find {example} and {question}") == 1
        assert name == "plain" or put.count("[") >= 1


def test_a_question_is_put_in_words_of_ones_own():
    assert channel(words="Box of {question}?", wording="seg_zero").put("The Cup.") == "Box of the cup?"
    with pytest.raises(ValueError, match=r"words must hold \{question\}"):
        channel(words="Where is it?")


def test_answers_about_several_pictures_keep_their_own():
    made = spoken.model()
    spoken.writes(made, spoken.TWO, spoken.NONE, "There are two.", '{"bbox_2d": [9, 20, 30, 40]}')
    pictures = [spoken.picture(0), spoken.picture(1, (30, 90))]
    asks = [Ask(pictures[number % 2], "The cup?") for number in range(4)]
    answers = Predictor(made).ask_all(asks)
    assert [[one.phrase for one in answer.segments] for answer in answers] == [
        ["the red cup", "the lamp"],
        ["the cup"],
        [],
        ["the cup"],
    ]
    assert [one.mask.shape for answer in answers for one in answer.segments] == [(40, 60), (40, 60), (30, 90), (30, 90)]
    other = spoken.model()
    spoken.writes(other, spoken.TWO)
    alone = Predictor(other)
    alone.set_image(pictures[0])
    for one, same in zip(answers[0].segments, alone.ask("The cup?").segments, strict=True):
        assert np.array_equal(one.mask, same.mask)


@pytest.mark.parametrize(
    ("text", "count", "note"),
    [
        ("There are two cups.", 0, None),
        ('[{"bbox_2d": [9, 20, 30]}]', 0, "coordinates of 1 target in the answer cannot be read"),
        ('[{"bbox_2d": [900, 20, 930, 40]}]', 0, "1 of the answer's targets lie outside the picture"),
        (
            json.dumps([{"bbox_2d": [n, 20, n + 9, 40]} for n in range(9)]),
            3,
            "the answer names 9 targets: the first 3 are drawn",
        ),
        ("<think>Well", 0, "the answer ended within its thoughts"),
    ],
)
def test_what_is_out_of_the_ordinary_is_told(text, count, note):
    made = spoken.model(most=3)
    spoken.writes(made, text)
    predictor = Predictor(made)
    predictor.set_image(spoken.picture())
    answer = predictor.ask("Where?")
    assert len(answer.segments) == count and answer.text == text
    assert answer.notes == (() if note is None else (note,))


def test_spans_follow_one_another_and_cover_the_list():
    text = 'a <answer>[{"bbox_2d": [[9, 20, 30, 40], [1, 20, 3, 40]]}, {"bbox_2d": [5, 20, 6, 40]}] </answer> b'
    heard = channel(frame="pixels").hear(text, "?", Frame.identity(SIZE))
    spans = [target.span for target in heard.targets]
    assert len(spans) == 3 and spans[0][0] == 2 and text[spans[-1][1] :] == " b"
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_it_stands_alone_and_speaks_for_no_mark():
    with pytest.raises(ValueError, match="stands alone"):
        tiny.model(channels={"coordinates": {}, "mask": {}})
    with pytest.raises(ValueError, match="it answers freely"):
        channel()(None)
    with pytest.raises(ValueError, match="at least 1"):
        channel(most=0)
    with pytest.raises(ValueError, match="none of"):
        channel(frame="percent")


def test_it_is_saved_and_read_again(tmp_path):
    spoken.model(frame="thousandths").save_pretrained(tmp_path / "it")
    made = GroundingModel.from_pretrained(tmp_path / "it")
    assert made.listener is not None and made.listener.options.frame == "thousandths"
    assert tiny.model().listener is None and tiny.model().hear("[]", "?", SIZE).targets == ()


def test_a_model_that_has_learned_to_write_coordinates_places_what_it_wrote():
    """Nothing is replaced here: some seconds of training on two answers about one picture."""
    made = spoken.model()
    talks = [[("Where is the red cup?", '[{"bbox_2d": [16, 22, 48, 43]}]')], [("Where is the lamp?", "[]")]]
    item = Item(
        made.backbone.prepare(spoken.picture()),
        torch.zeros(3, 2, 2),
        SIZE,
        tuple(made.backbone.encode_chat(made.put(talk)) for talk in talks),
        torch.zeros(0),
    )
    batch = collate([item], made.backbone.pad_id).chat
    optimizer = torch.optim.AdamW(made.backbone.parameters(), lr=3e-3)
    made.train()
    for _ in range(150):
        out = made.backbone(batch)
        loss = torch.nn.functional.cross_entropy(out.logits, out.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    predictor = Predictor(made)
    predictor.set_image(spoken.picture())
    (cup,) = predictor.ask("Where is the red cup?", max_new_tokens=60).segments
    assert cup.phrase == "the red cup" and not cup.rejected
    wanted = (14.5, 12 * 40 / 43 - 0.5, 44.5, 33 * 40 / 43 - 0.5)
    assert cup.evidence.prompts.boxes[0].tolist() == pytest.approx(wanted)
    (lamp,) = predictor.ask("Where is the lamp?", max_new_tokens=60).segments
    assert lamp.phrase == "the lamp" and lamp.rejected


def test_an_answer_to_learn_is_heard_again():
    """What is not there is left out, and nothing at all is a rejection; a box thinner than a number stays a box."""
    for frame in ("pixels", "thousandths"):
        channel = coordinates.Channel(coordinates.Options(frame=frame), 8, 8)
        pixels = Frame.stretch((40, 60), (80, 90))
        boxes = [(9.5, 4.5, 29.5, 34.5), None, (50.5, 20.5, 50.6, 21.5)]
        said = channel.say(["the cup", "the key", 'a "thin" line'], boxes, pixels)
        cup, line = channel.hear(said, "Where?", pixels).targets
        assert (cup.phrase, line.phrase) == ("the cup", 'a "thin" line')
        torch.testing.assert_close(cup.prompts.boxes[0], torch.tensor(boxes[0]), atol=0.34, rtol=0)
        assert (line.prompts.boxes[0, 2:] > line.prompts.boxes[0, :2]).all()
        (nothing,) = channel.hear(channel.say(["the key"], [None], pixels), "Where is the key?", pixels).targets
        assert nothing.rejected
    with pytest.raises(ValueError, match="objective: grpo"):
        coordinates.Channel(coordinates.Options(wording="vision_reasoner"), 8, 8).check_taught()


@pytest.mark.parametrize("frame", [Frame.stretch((3000, 4000), (1000, 1000)), Frame.letterbox((30, 40), 16)])
def test_a_thin_box_at_an_edge_stays_in_the_picture(frame):
    height, width = frame.source
    thin = [(width - 0.6, 3.5, width - 0.5, 9.5), (3.5, height - 0.6, 9.5, height - 0.5), (-0.5, -0.5, -0.4, -0.4)]
    placed, lost = place(read(write(["a", "b", "c"], thin, frame)).targets, frame)
    assert not lost and [one.label for one in placed] == ["a", "b", "c"]
    for one in placed:
        left, top, right, bottom = one.box
        assert -0.5 <= left < right <= width - 0.5 and -0.5 <= top < bottom <= height - 0.5
