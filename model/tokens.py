"""Tokens: the tokenizer of the tiny model, the two marks, and the words that an answer names its targets by."""

import re
from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from data.sample import REJ, SEG

IMAGE = "<image>"
MARK = re.compile(f"{re.escape(SEG)}|{re.escape(REJ)}")
ARTICLE = re.compile(r"\b(?:the|an?|my|your|its|something|anything)\b", re.IGNORECASE)

# LLaVA-1.5's conversation; what stands between generation marks is learned.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }} {% endif %}{% endfor %}"
    "{% else %}ASSISTANT:{% generation %}{% for part in message['content'] %} {{ part['text'] }}{% endfor %}</s>"
    "{% endgeneration %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text is accepted and comes back unchanged.

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
    tokenizer.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": IMAGE},
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )
    add_marks(made)
    made.chat_template = CHAT_TEMPLATE
    return made


def add_marks(tokenizer: PreTrainedTokenizerBase) -> int:
    """Add ``<SEG>`` and ``<REJ>`` where they are missing; returns how many were."""
    return int(tokenizer.add_tokens([AddedToken(mark, normalized=False, special=False) for mark in (SEG, REJ)]))


def plain(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """A person's text with every spelling of an added token broken up, so that it stays text."""
    spellings = sorted(tokenizer.get_added_vocab(), key=len, reverse=True)
    pattern = "|".join(re.escape(spelling) for spelling in spellings)
    return re.sub(pattern, lambda found: f"{found[0][0]} {found[0][1:]}", text) if pattern else text


def phrases(text: str) -> list[str]:
    """The words that name each mark of an answer, in order.

    From "The red cup <SEG> and the blue ball <SEG> ..." come "the red cup" and "the blue ball": what stands between the
    last article (or the last break of the sentence) and the mark. A mark right after another has none: "".
    """
    found, start = [], 0
    for mark in MARK.finditer(text):
        words = text[start : mark.start()].strip()
        words = re.split(r"[.,;:!?]\s|\band\b|\bor\b", words)[-1].strip(" ,.;:")
        articles = list(ARTICLE.finditer(words))
        if articles and not words[articles[0].start() :].lower().startswith(("something", "anything")):
            words = words[articles[-1].start() :]
        found.append(words[:1].lower() + words[1:])
        start = mark.end()
    return found
