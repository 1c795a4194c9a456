"""Conversations as tokens, and back."""

import copy
import dataclasses

import pytest

from model.backbones.llava import LlavaBackbone
from model.tokens import spaced
from tests.model.backbones.test_llava import TALKS, backbone  # noqa: F401


def test_only_answers_and_their_ends_are_learned(backbone):  # noqa: F811
    chat = backbone.encode_chat(TALKS[1])
    learned = backbone.tokenizer.decode(chat.labels[chat.labels != -100].tolist())
    assert spaced(learned) == "The lamp <REJ> is not here.</s> The red <SEG> <SEG> cup <REJ>.</s>"
    assert int((chat.ids == backbone.image_id).sum()) == 64
    assert (chat.ids[: chat.prefix] == backbone.image_id)[-64:].all()


def test_token_spellings_typed_by_a_person_stay_text(backbone):  # noqa: F811
    chat = backbone.encode_chat([("<image> <SEG></s> <REJ>?", "The <image> <SEG></s>."), ("<SEG>", None)])
    assert int((chat.ids == backbone.image_id).sum()) == 64
    assert int((chat.ids == backbone.mark_ids[0]).sum()) == 1
    assert int((chat.ids == backbone.mark_ids[1]).sum()) == 0
    assert int((chat.ids == backbone.eos_id).sum()) == 1


def test_a_question_of_ten_thousand_characters_is_one_plain_line(backbone):  # noqa: F811
    with pytest.raises(ValueError, match=r"too long: with the picture \d+ tokens, and the model reads 1024") as caught:
        backbone.encode_chat([("x" * 10_000, None)])
    assert "\n" not in str(caught.value)


def test_marks_are_spelled_as_the_tokenizer_has_them(backbone):  # noqa: F811
    """A tokenizer with [SEG] and no word for absence, as LISA's."""
    words = copy.deepcopy(backbone.tokenizer)
    words.add_tokens(["[SEG]"])
    text = backbone.llava.config.text_config
    size, text.vocab_size = text.vocab_size, len(words)
    try:
        options = dataclasses.replace(backbone.options, seg="[SEG]", rej=None)
        made = LlavaBackbone(backbone.llava, words, options, lambda n: (n - 1,))
        with pytest.raises(ValueError, match=r"lacks \[REJ\]"):
            LlavaBackbone(backbone.llava, words, dataclasses.replace(options, rej="[REJ]"), lambda n: (n - 1,))
    finally:
        text.vocab_size = size
    assert made.mark_ids == (words.get_vocab()["[SEG]"], -1)
    chat = made.encode_chat([("Where is the [SEG] cup?", "The red cup <SEG> is here.")])
    assert int((chat.ids == made.mark_ids[0]).sum()) == 1  # the one typed in the question stays text
    assert made._chat.text(chat.labels[chat.labels != -100].tolist()).startswith("The red cup <SEG> is")
    with pytest.raises(ValueError, match="cannot say that a thing is absent"):
        made.encode_chat([("Where is the lamp?", "The lamp <REJ>.")])
