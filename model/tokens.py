"""Tokens: the tokenizer of the tiny model, the two marks, and the words that an answer names its targets by."""

import re
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from data.sample import REJ, SEG

IMAGE = "<image>"
MARK = re.compile(f"{re.escape(SEG)}|{re.escape(REJ)}")
_BEGINS = (
    r"(?:the|an?|my|your|his|her|its|our|their|this|these|those|some|every|each|all|both|one|two|three|four|five)\b"
)
BEGINS = re.compile(rf"\b(?:{_BEGINS}|(?:some|any)(?:thing|one)\b)", re.IGNORECASE)
SENTENCE = re.compile(r"[.;:!?]\s")
# How LISA, GSVA, READ and UGround lead up to a mark; a name may follow, or nothing.
LEADS = re.compile(
    r"^(?:sure\b[\s,]*)?(?:(?:it is|they are|(?:the )?segmentation(?: results?)?(?: is| are)?)\b(?! of\b)[\s:]*)?",
    re.IGNORECASE,
)
MASK_OF = re.compile(r"^(?:the (?:mask|segmentation) of|the referred) (.+) is$", re.IGNORECASE)
JOINED = re.compile(rf"(?:,|,?\s*\b(?:and|or|but)\b)\s+(?={_BEGINS})", re.IGNORECASE)

# LLaVA-1.5's conversation; what stands between generation marks is learned. A question begins with a space, so that its
# first word is the token that it is elsewhere: without, "hammer" typed alone was a word that the model had never seen.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}USER:{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %} <image>\n{% else %} {{ part['text'] }} {% endif %}{% endfor %}"
    "{% else %}ASSISTANT:{% generation %}{% for part in message['content'] %} {{ part['text'] }}{% endfor %}</s>"
    "{% endgeneration %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text is accepted and comes back unchanged.

    The texts are learned as they stand in a chat, so that its layout takes few tokens.
    ``<SEG>`` and ``<REJ>`` are ordinary added tokens: special ones would vanish from decoded answers.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<pad>", "<s>", "</s>", IMAGE]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 2,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((f"USER: \n {text} ASSISTANT: {text}" for text in texts), trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": IMAGE},
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )
    # With the space before it a token of its own, a mark's state would be that of the space: attention would first have
    # to learn to look one word back, and training stalled there.
    add_marks(made, lstrip=True)
    made.chat_template = CHAT_TEMPLATE
    return made


def add_marks(tokenizer: PreTrainedTokenizerBase, lstrip: bool = False, marks: Iterable[str] = (SEG, REJ)) -> int:
    """Add marks where they are missing; returns how many were. With ``lstrip`` a mark takes the space before it in, so
    that the word before it predicts it; :func:`spaced` brings the space back."""
    added = [AddedToken(mark, lstrip=lstrip, normalized=False, special=False) for mark in marks]
    return int(tokenizer.add_tokens(added))


def begin_marks(network: Any, tokenizer: PreTrainedTokenizerBase, marks: Iterable[str] = (SEG, REJ)) -> None:
    """Add marks to a language model that never wrote them. The rows of those that its tokenizer does not have begin as
    the mean of all others: a random one would be far likelier than any word."""
    marks, others = tuple(marks), sorted(tokenizer.get_vocab().values())
    add_marks(tokenizer, lstrip=True, marks=marks)
    new = sorted({tokenizer.get_vocab()[mark] for mark in marks} - set(others))
    if len(tokenizer) > len(network.get_input_embeddings().weight):
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for layer in (network.get_input_embeddings(), network.get_output_embeddings()):
            layer.weight[new] = layer.weight[others].mean(dim=0, dtype=torch.float32).to(layer.weight.dtype)


def spaced(text: str) -> str:
    """Decoded text with a space between each mark and the word before it."""
    return MARK.sub(lambda found: f"{'' if text[: found.start()][-1:].isspace() else ' '}{found[0]}", text).lstrip()


def unmarked(text: str) -> str:
    """An answer's words as a person reads them: "The cup <SEG> and the key <SEG>." becomes "The cup and the key."."""
    return re.sub(r" (?=[.,;:!?])", "", " ".join(MARK.sub("", text).split()))


def plain(text: str, tokenizer: PreTrainedTokenizerBase, keep: tuple[str, ...] = ()) -> str:
    """A person's text with every spelling of an added token, but those to ``keep``, broken up so that it stays text."""
    spellings = sorted(set(tokenizer.get_added_vocab()) - set(keep), key=len, reverse=True)
    pattern = "|".join(re.escape(spelling) for spelling in spellings)
    return re.sub(pattern, lambda found: f"{found[0][0]} {found[0][1:]}", text) if pattern else text


def phrases(text: str) -> list[str]:
    """The words that name each mark of an answer, in order.

    From "The red cup <SEG> keeps warm, and the ball left of the lamp <SEG> rolls." come "the red cup" and "the ball
    left of the lamp". A mark right after another has none: "".
    """
    found, start = [], 0
    for mark in MARK.finditer(text):
        found.append(_phrase(text[start : mark.start()], follows=start > 0))
        start = mark.end()
    return found


def _phrase(words: str, follows: bool) -> str:
    """The name at the end of ``words``: from the first article after the last break. ``follows``: the words go on from
    an earlier mark, so they may begin with what is still said of that one."""
    parts = SENTENCE.split(words)
    follows, words = follows and len(parts) == 1, parts[-1]
    joins = list(JOINED.finditer(words))
    if follows and joins:
        # "<SEG> and the cup" begins anew at the join; "<SEG> is dry, and the cup" does so at the last one.
        at_once = not words[: joins[0].start()].strip()
        words = words[(joins[0] if at_once else joins[-1]).end() :]
    elif "," in words and BEGINS.search(words.rpartition(",")[2]):
        words = words.rpartition(",")[2]
    words = LEADS.sub("", words.strip(" ,.;:\n\t"))
    words = MASK_OF.sub(r"\1", words)
    words = "" if words.lower() in ("and", "or", "but") else words
    begins = BEGINS.search(words)
    words = words[begins.start() :] if begins else words
    return words[:1].lower() + words[1:]
