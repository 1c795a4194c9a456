"""Pictures with conversations, wherever a run goes on."""

import pytest
import torch

from data.world.world import World
from tests import families, tiny
from train.batches import collate, length
from train.conversations import Conversations
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


@pytest.mark.parametrize("family", [None, *sorted(families.OPTIONS)])
def test_an_items_length_is_that_of_its_row_with_the_picture_in_it(family):
    model = tiny.model() if family is None else families.model(family)
    items = Conversations(model, World("train", 3, 5), 3, 0.0, (), 0.0)
    for item in (items[index] for index in range(3)):
        row = collate([item], model.backbone.pad_id).chat
        assert length(item) == model.backbone.expanded(row).ids.shape[1]
