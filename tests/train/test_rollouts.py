"""Sampled answers against the predictor's, one by one."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from data import masks
from data.sample import Target, Turn
from model.policy import Options as Layer
from model.predictor import Predictor
from tests import spoken, tiny
from train.rewards.base import Answered
from train.rollouts import Asked, Sampling, roll_out

GREEDY = Sampling(temperature=1e-7, longest=12, at_once=3)
QUESTIONS = ("Where is the red cup?", "Show me all the fruit.", "The lamp?", "Is the red here?")


@pytest.fixture(scope="module")
def model():
    made = tiny.talker()
    made.begin_policy(Layer("group", draws=3))
    torch.nn.init.normal_(made.policy.weight, generator=torch.Generator().manual_seed(3))
    return made


def asked(model, number: int, question: str) -> Asked:
    image = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    truth = np.zeros((40, 60), dtype=bool)
    truth[:, : 20 + number] = True
    targets = (Target("the red cup", masks.encode(truth)), Target("the lamp", None))
    prepared = model.backbone.prepare(image), model.segmenter.prepare(image)
    return Asked(number, image, *prepared, (), Turn(question, "", targets, "colour"))


@pytest.fixture(scope="module")
def rows(model):
    return [asked(model, number, question) for number, question in enumerate(QUESTIONS * 2)]


@pytest.fixture(scope="module")
def rollouts(model, rows):
    return roll_out(model, [row for row in rows for _ in range(2)], GREEDY)


def test_cold_sampling_answers_and_draws_as_in_use(model, rows, rollouts, monkeypatch):
    # Untrained, it likes to write the place of an image, which is left out of what is picked from.
    likeliest = functools.partial(model.backbone.generate, pick=lambda logits: logits.argmax(dim=-1))
    monkeypatch.setattr(model.backbone, "generate", likeliest)
    predictor = Predictor(model)
    marks = 0
    for row, rollout in zip([row for row in rows for _ in range(2)], rollouts, strict=True):
        predictor.set_image(row.image)
        answer = predictor.ask(row.turn.question, max_new_tokens=12)
        assert rollout.answered.text == answer.text and rollout.answered.stop == answer.stop
        assert [mark.phrase for mark in rollout.answered.marks] == [segment.phrase for segment in answer.segments]
        for mark, segment in zip(rollout.answered.marks, answer.segments, strict=True):
            assert (mark.mask is None) == segment.rejected
            assert mark.mask is None or np.array_equal(mark.mask, segment.mask)
        marks += len(answer.segments)
    assert marks > 4


def test_the_end_is_learned_where_there_was_one(model, rollouts):
    ended = {rollout.answered.stop: int(rollout.ids[-1]) == model.backbone.eos_id for rollout in rollouts}
    assert ended == {"end": True, "length": False}
    chat = rollouts[0].chat
    assert chat.ids.tolist() == [*rollouts[0].prompt.ids.tolist(), *rollouts[0].ids.tolist()]
    assert chat.labels[chat.labels >= 0].tolist() == rollouts[0].ids.tolist()


def test_each_draw_is_rewarded_by_its_own_mask(model, rollouts):
    acting = [rollout for rollout in rollouts if rollout.actions is not None]
    assert acting
    for rollout in acting:
        actions, answered = rollout.actions, rollout.answered
        assert actions.layers.shape == actions.rewards.shape == (3, len(answered.matched))
        assert actions.marks.tolist() == [mark for mark, _, _ in answered.matched]
        features = model.segmenter.encode(rollout.asked.sam[None], [rollout.asked.size])[0]
        turns = rollout.asked.turns
        trace = model.backbone.generate([model.backbone.read(rollout.asked.image)], [turns], 12)[0].trace
        known = model.policy.log_probabilities(trace.marks)
        for column, (mark, target, _) in enumerate(answered.matched):
            truth = torch.from_numpy(answered.truth[target])
            for draw in range(3):
                layer = int(actions.layers[draw, column])
                lot = trace.select(torch.tensor([mark]))
                choice = dataclasses.replace(
                    model.policy.choose(lot.marks), layers=torch.tensor([layer]), weights=torch.eye(3)[[layer]]
                )
                low = model.segmenter.decode(features, model.ground(lot, rollout.asked.size, choice).prompts).low
                drawn = model.segmenter.upscale(low, features)[0, 0] > 0
                iou = float((drawn & truth).sum() / (drawn | truth).sum())
                assert float(actions.rewards[draw, column]) == pytest.approx(iou, abs=1e-3)
                expected = float(known[mark, layer].detach())
                assert float(actions.log_probabilities[draw, column]) == pytest.approx(expected, abs=1e-4)


def test_warm_sampling_differs_from_answer_to_answer_and_repeats_with_its_seed(model, rows):
    how = Sampling(temperature=2.0, longest=12)
    texts = []
    for _ in range(2):
        torch.manual_seed(5)
        texts.append([rollout.answered.text for rollout in roll_out(model, [rows[0]] * 6, how)])
    assert texts[0] == texts[1] and len(set(texts[0])) > 1


def test_a_place_for_an_image_is_never_written(model, rows):
    how = Sampling(temperature=1e6, longest=64)
    written = torch.cat([rollout.ids for rollout in roll_out(model, [rows[0]] * 32, how)])
    assert len(written) > 1000 and model.backbone.image_id not in written.tolist()


def test_the_backbone_trains_on_after_it_has_written(model, rows):
    model.backbone.train()
    roll_out(model, rows[:1], GREEDY)
    assert model.backbone.training
    model.backbone.eval()


def test_marks_inside_of_a_thought_are_none(model, rows, monkeypatch):
    def spoken(text):
        made = dataclasses.replace(written, text=text)
        monkeypatch.setattr(model.backbone, "generate", lambda *_, **__: [made])
        return roll_out(model, [rows[0]], dataclasses.replace(GREEDY, thinks=True))[0].answered

    candidates = [model.backbone.generate([model.backbone.read(r.image)], [r.turns], 12)[0] for r in rows]
    written = next(one for one in candidates if len(one.trace) >= 2)
    marks = ["<REJ>" if rejected else "<SEG>" for rejected in written.trace.rejected.tolist()]
    first, rest = f"The cup {marks[0]}.", "".join(f" The lamp {mark}." for mark in marks[1:])
    one: Answered = spoken(f"{first} </think>{rest}")
    assert [mark.phrase for mark in one.marks] == ["the lamp"] * (len(marks) - 1)
    assert [mark.mask is None for mark in one.marks] == [mark == "<REJ>" for mark in marks[1:]]
    assert spoken(f"{first}{rest}").marks == ()


def test_coordinates_are_drawn_as_in_use_and_handed_to_the_rewards():
    made = spoken.model(wording="boxes")
    told = spoken.writes(made, spoken.TWO, spoken.NONE, "There are two.")
    row = asked(made, 0, "Where is the red cup?")
    rollouts = roll_out(made, [row] * 3, Sampling(longest=12))
    assert [talk[0][0].startswith("Where is the red cup?\nAnswer with a JSON list") for talk in told] == [True] * 3
    predictor = Predictor(made)
    predictor.set_image(row.image)
    for rollout in rollouts:
        answered, answer = rollout.answered, predictor.ask("Where is the red cup?")
        assert answered.text == answer.text and answered.turn is row.turn and rollout.actions is None
        assert rollout.prompt.ids.tolist() == made.backbone.encode_chat(made.put(row.turns)).ids.tolist()
        for mark, segment in zip(answered.marks, answer.segments, strict=True):
            assert (mark.phrase, mark.mask is None) == (segment.phrase, segment.rejected)
            assert mark.mask is None or np.array_equal(mark.mask, segment.mask)
    cup, lamp = rollouts[0].answered.marks
    assert cup.box == pytest.approx((14.5, 12 * 40 / 43 - 0.5, 44.5, 33 * 40 / 43 - 0.5))
    assert cup.points == () and lamp.box is None and len(lamp.points) == 1
    (missing,) = rollouts[1].answered.marks
    assert (missing.phrase, missing.mask, missing.box) == ("the red cup", None, None)
    assert rollouts[2].answered.marks == ()


def test_a_thought_that_has_no_end_places_nothing():
    made = spoken.model()
    spoken.writes(made, spoken.TWO)
    (rollout,) = roll_out(made, [asked(made, 0, "Where?")], Sampling(longest=12, thinks=True))
    assert rollout.answered.marks == () and rollout.answered.answer == ""
