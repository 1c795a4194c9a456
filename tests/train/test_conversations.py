"""Pictures with conversations, wherever a run goes on."""

import torch

from tests import tiny
from train.objectives import grounding


def test_a_stream_that_begins_further_on_has_the_same_pictures_and_questions():
    model = tiny.model()
    options = grounding.Options(conversations=2, dense=0.25, loose=0.5)
    whole = grounding.dataset(model, options, 100, 8)
    rest = grounding.dataset(model, options, 103, 5)
    for index in range(5):
        one, two = whole[3 + index], rest[index]
        assert one.ids == two.ids and torch.equal(one.masks, two.masks)
        assert [chat.ids.tolist() for chat in one.chats] == [chat.ids.tolist() for chat in two.chats]
