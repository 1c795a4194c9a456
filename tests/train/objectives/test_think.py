import torch

from tests import tiny
from train.objectives import grounding, think


def test_answers_are_the_same_with_a_thought_before_them():
    model = tiny.model().train()
    before = model.backbone.tokenizer.chat_template
    try:
        options = think.Options(conversations=3, dense=0.0, images=1, data={"world": 1.0})
        plain = grounding.dataset(model, options, 5, 2)[0]
        objective = think.Objective(model, options)
        made = think.dataset(model, options, 5, 2)
        item, tokenizer = made[0], model.backbone.tokenizer
        assert torch.equal(item.mllm, plain.mllm) and torch.equal(item.masks, plain.masks)
        for chat, other in zip(item.chats, plain.chats, strict=True):
            said, spoken = (tokenizer.decode(one.labels[one.labels >= 0]) for one in (chat, other))
            assert said.startswith(" <think> Asked for: ")
            assert said.partition("</think>")[2] == spoken or said.count("</think>") > 1  # of several turns
        out = objective(think.collate(model, [made[0], made[1]]))
        assert torch.isfinite(out["loss"]) and out["ce"] > 0
    finally:
        tokenizer.chat_template = before
