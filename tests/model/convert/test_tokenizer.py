"""Converted tokenizers against sentencepiece itself, used as transformers' slow Llama tokenizers of the time did.

:func:`slow` was compared with transformers 4.31.0 (all systems but GSVA) and 4.44.2 (GSVA): the same ids on the texts
below.
"""

import json
import re

import pytest
import sentencepiece

from model.convert import gsva, lisa, load, read, uground
from model.convert._templates import CURIOUS, HELPFUL, TEMPLATES, template
from model.convert._tokenizer import tokenizer
from model.tokens import IMAGE
from tests.model.convert import released

MARKS = ["[SEG]", "[REJ]"]
TEXTS = [
    "Where is the red cup?",
    "  Where  is\nit? ",
    "Sure, it is [SEG].",
    "[SEG] [SEG], and [REJ] . \n[SEG]x",
    "<im_start><im_end>\nWhat is it?",
    "USER: <im_start>",
    "<im_end>\n  What",
    "a</s>b </s> c<s>[INST] d",
    "Où est la tasse 🍵?",
    "",
    "\n",
]


def slow(folder, text, strips):
    """Ids of a text: each stretch between added tokens by itself; 4.31 strips it beside those that are not special."""
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    added = json.loads((folder / "added_tokens.json").read_text())
    known = {**added, "<s>": 1, "</s>": 2}
    parts = re.split("(" + "|".join(map(re.escape, known)) + ")", text)
    ids = []
    for at, part in enumerate(parts):
        if part in known:
            ids.append(known[part])
            continue
        if strips and at > 0 and parts[at - 1] in added:
            part = part.lstrip()
        if strips and at + 1 < len(parts) and parts[at + 1] in added:
            part = part.rstrip()
        ids += model.encode(part) if part else []
    return ids


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tokenizer")
    released.slow_tokenizer(made, [*MARKS, *released.SURROUND])
    return made


def made(folder, system, rows=None):
    traits = load(system).traits(load(system).Settings())
    rows = rows or 430 + len(json.loads((folder / "added_tokens.json").read_text()))
    return tokenizer(folder, traits, rows, surrounded=True)


@pytest.mark.parametrize("system", ["lisa", "gsva", "read", "uground"])
@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_the_slow_tokenizer(folder, tmp_path, system, text):
    words = made(folder, system)
    expected = slow(folder, text, strips=system != "gsva")
    assert words(text, add_special_tokens=False).input_ids == expected
    words.save_pretrained(tmp_path)
    again = type(words).from_pretrained(tmp_path)
    assert again(text, add_special_tokens=False).input_ids == expected


@pytest.mark.parametrize("answer", ["Sure, it is [SEG].", "[SEG]."])
@pytest.mark.parametrize("system", ["lisa", "gsva"])
def test_a_conversation_is_encoded_as_it_was_published(folder, system, answer):
    """Text on both sides of the image is encoded by itself (LLaVA's ``tokenizer_image_token``)."""
    words = made(folder, system)
    words.chat_template = template("llava_v1", surrounded=True)
    question = "Where is the red cup?"
    messages = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}]},
    ]
    got = words.apply_chat_template(
        messages, add_generation_prompt=True, return_dict=True, return_assistant_tokens_mask=True
    )
    before = f"{CURIOUS} USER: <im_start>"
    after = f"<im_end>\n{question} ASSISTANT: {answer}</s>USER: What is it? ASSISTANT:"
    strips = system != "gsva"
    image = words.convert_tokens_to_ids(IMAGE)
    assert got["input_ids"] == [1, *slow(folder, before, strips), image, *slow(folder, after, strips)]
    learned = [i for i, said in zip(got["input_ids"], got["assistant_masks"], strict=True) if said]
    unlearned = len(slow(folder, "ASSISTANT:", strips))
    assert learned == slow(folder, f"ASSISTANT: {answer}</s>", strips)[unlearned:]


def test_llama_2s_conversation(folder):
    words = made(folder, "lisa")
    words.chat_template = template("llava_llama_2", surrounded=True)
    messages = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It."}]},
        {"role": "user", "content": [{"type": "text", "text": "Where?"}]},
    ]
    text = words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == (
        f"<s>[INST] <<SYS>>\n{HELPFUL}\n<</SYS>>\n\n<im_start><image><im_end>\nWhat? [/INST] It. </s>"
        "<s>[INST] Where? [/INST]"
    )


def test_every_template_has_both_forms():
    for name in TEMPLATES:
        assert "<im_start><image><im_end>" in template(name, surrounded=True)
        assert "<im_start>" not in template(name, surrounded=False)
        assert "<picture>" not in template(name, surrounded=False)


def test_a_folder_that_says_it_is_not_legacy_is_believed(tmp_path):
    released.slow_tokenizer(tmp_path, ["[SEG]", *released.SURROUND], legacy=False)
    words = made(tmp_path, "lisa")
    tokens = words.convert_ids_to_tokens(words("[SEG]cup</s>is", add_special_tokens=False).input_ids)
    assert not any(token.startswith("▁") for token in tokens)


def test_gsvas_tokens_are_added_in_its_order(tmp_path):
    released.slow_tokenizer(tmp_path, ["<im_patch>", *released.SURROUND])
    assert made(tmp_path, "gsva", 435).convert_tokens_to_ids(MARKS) == [433, 434]
    with pytest.raises(ValueError, match=r"435 tokens after \[SEG\], \[REJ\] were added, the embedding 434 rows"):
        made(tmp_path, "gsva", 434)
    with pytest.raises(ValueError, match="not of one model"):
        made(tmp_path, "gsva", 440)
    bare = tmp_path / "bare"
    bare.mkdir()
    released.slow_tokenizer(bare, [])
    every = [*MARKS, *released.SURROUND]
    assert made(bare, "gsva", 434).convert_tokens_to_ids(every) == [430, 431, 432, 433]


def test_the_placeholder_lies_beyond_the_embedding(folder):
    words = made(folder, "uground")
    assert words.convert_tokens_to_ids(IMAGE) == 434
    assert words.pad_token == "<unk>"
    assert words.decode(words(IMAGE, add_special_tokens=False).input_ids, skip_special_tokens=True) == ""
    assert "[SEG]" in words.decode(words("a [SEG]", add_special_tokens=False).input_ids, skip_special_tokens=True)


def test_marks_are_not_guessed(tmp_path):
    released.slow_tokenizer(tmp_path, ["[SEG]", *released.SURROUND])
    made(tmp_path, "lisa")
    with pytest.raises(ValueError, match=r"lacks \[REJ\]"):
        made(tmp_path, "uground")
    released.slow_tokenizer(tmp_path, released.SURROUND)
    for system in ("lisa", "read"):
        with pytest.raises(ValueError, match=r"lacks \[SEG\]"):
            made(tmp_path, system)


def test_ids_that_do_not_follow_are_refused(tmp_path):
    released.slow_tokenizer(tmp_path, ["[SEG]", *released.SURROUND])
    listed = json.loads((tmp_path / "added_tokens.json").read_text())
    (tmp_path / "added_tokens.json").write_text(json.dumps({**listed, "<im_end>": 440}))
    with pytest.raises(ValueError, match="<im_end>"):
        made(tmp_path, "lisa", 441)


def test_a_damaged_tokenizer_is_one_line(tmp_path):
    released.slow_tokenizer(tmp_path, ["[SEG]", *released.SURROUND])
    whole = (tmp_path / "tokenizer.model").read_bytes()
    (tmp_path / "tokenizer.model").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="tokenizer") as refused:
        made(tmp_path, "lisa")
    assert "\n" not in str(refused.value)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="tokenizer is damaged"):
        made(tmp_path, "lisa")


def test_settings_are_typed():
    assert {module.Settings().template for module in (gsva, lisa, read, uground)} == {"llava_v1"}
