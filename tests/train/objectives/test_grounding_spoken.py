"""The supervised stage on answers in coordinates."""

import json

import pytest
import torch

from data import masks
from data.world.world import World
from model.coordinates import place, read
from model.grounding import GroundingModel
from tests import families, spoken
from tests.train.objectives.batches import batch_of
from train import budget
from train.objectives import grounding, think
from train.parameters import select


@pytest.mark.parametrize("frame", ["pixels", "thousandths"])
def test_the_answer_to_learn_is_read_back_as_the_true_boxes(frame):
    model = spoken.model(frame=frame)
    options = grounding.Options(conversations=4, dense=0.0)
    item = grounding.dataset(model, options, first=5, count=1)[0]
    _, samples = World("train", 1, 5).pack(0, 4, (), 0.0)
    assert len(item.masks) == 0 and len(item.chats) == len(samples)
    found = 0
    for chat, sample in zip(item.chats, samples, strict=True):
        said = model.backbone.tokenizer.decode(chat.ids[chat.labels >= 0], skip_special_tokens=True)
        answers = [json.dumps(one) for one in _lists(said)] if sample.turns[0].targets else [said]
        for turn, answer in zip(sample.turns, answers, strict=True):
            reading = read(answer)
            placed, lost = place(reading.targets, model.listener.frame(model.backbone.input_frame(item.size)))
            present = [target for target in turn.targets if not target.absent]
            assert [one.label for one in placed] == [one.phrase for one in present] and not lost
            assert reading.none == bool(turn.targets and not present)
            for one, target in zip(placed, present, strict=True):
                left, top, width, height = masks.box(target.rle)
                edges = torch.tensor([left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5])
                step = max(item.size) / (1000 if frame == "thousandths" else 64)  # a number's, in original pixels
                assert (torch.tensor(one.box) - edges).abs().max() <= step
                found += 1
    assert found > 2


def _lists(text):
    """The JSON lists in a text, one after another."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("[", at)) >= 0:
        made, length = decoder.raw_decode(text[at:])
        at += length
        yield made


@pytest.mark.parametrize("family", [None, *sorted(families.OPTIONS)])
def test_a_model_learns_to_write_boxes(family):
    model = spoken.model() if family is None else families.model(family, channels={"coordinates": {}})
    options = grounding.Options(conversations=2)
    batch = batch_of(model, options)
    objective = grounding.Objective(model.train(), options)
    with pytest.raises(ValueError, match=r"mask_decoder.* gets no gradient: of a model that writes coordinates"):
        select(objective, {"mask_decoder": 1e-2})
    select(objective, {"language_model|lm_head": 1e-2})
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(6):
        parts = objective(batch)
        assert set(parts) == {"loss", "ce"}
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
        losses.append(float(parts["ce"].detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert grounding.counts(model, options, batch)["ce"] == (batch.chat.labels[:, 1:] != -100).sum(dim=1).tolist()


def test_thoughts_are_not_learned_from_boxes():
    with pytest.raises(ValueError, match="objective: grpo"):
        grounding.Objective(spoken.model(wording="seg_zero"), grounding.Options())


def test_no_thought_is_opened_before_coordinates():
    with pytest.raises(ValueError, match="objective: grounding"):
        think.Objective(spoken.model(), grounding.Options())


def test_a_rehearsal_knows_that_no_mask_is_drawn():
    model, options = spoken.model(), grounding.Options(conversations=2)
    given = batch_of(model, options)
    meta = GroundingModel.build(model.config, model.backbone.tokenizer, "meta")
    assert budget.step(meta, given, 2, 2, half=True) == budget.step(meta, given, 0, 2, half=True)


def test_the_answer_of_a_mixture_is_in_coordinates_too():
    model = spoken.model()
    options = grounding.Options(conversations=2, data={"world": 1.0})
    batch = batch_of(model, options)
    parts = grounding.Objective(model, options)(batch)
    torch.testing.assert_close(parts["world/ce"], parts["ce"].detach())
    assert float(parts["loss"].detach()) == pytest.approx(float(parts["ce"].detach()))
