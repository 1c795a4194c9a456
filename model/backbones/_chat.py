"""Conversations as the tokens that a language model reads, and what it writes as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from transformers import PreTrainedTokenizerBase

from data.sample import REJ, SEG
from model.backbones.base import Encoded
from model.tokens import IMAGE, plain, spaced


class Spelled(Protocol):
    """Settings that say how a tokenizer spells the marks; None for one that the model does not have."""

    @property
    def seg(self) -> str | None: ...
    @property
    def rej(self) -> str | None: ...


def marks(tokenizer: PreTrainedTokenizerBase, options: Spelled, known: int, image: str = IMAGE) -> tuple[int, ...]:
    """Token ids of ``<SEG>`` and ``<REJ>``; -1 for a mark that the model does not have.

    Args:
        tokenizer: of the language model.
        options: they say how it spells the marks.
        known: how many tokens the language model knows.
        image: the spelling of the picture's placeholder.

    Raises:
        ValueError: the tokenizer lacks a token that is needed, or has one that the language model does not know.
    """
    words = tokenizer.get_vocab()
    spelled = [mark for mark in (options.seg, options.rej) if mark is not None]
    lacks = [mark for mark in (*spelled, image) if mark not in words]
    most = max((index for word, index in words.items() if word != image), default=0)
    if lacks or None in (tokenizer.pad_token_id, tokenizer.eos_token_id) or most >= known:
        raise ValueError(
            f"the tokenizer must have {', '.join([*spelled, image])}, an end and a padding token among at most "
            f"{known} tokens, as many as the language model knows; it has {len(tokenizer)}"
            + (f" and lacks {', '.join(lacks)}" if lacks else "")
        )
    return tuple(-1 if mark is None else words[mark] for mark in (options.seg, options.rej))


def taught(tokenizer: PreTrainedTokenizerBase, template: str) -> None:
    """Give a tokenizer the chat template of its family, unless its own tells which words are an answer; those that are
    released do not."""
    if "generation %}" not in str(tokenizer.chat_template):
        tokenizer.chat_template = template


@dataclass(frozen=True)
class Chat:
    """Conversations about one picture each.

    Attributes:
        tokenizer: with its chat template.
        options: they say how it spells the marks.
        image_id: the id that stands for a patch of the picture.
        patches: placeholders of a picture, 1 where their number depends on its size.
        limit: how many tokens the language model has positions for.
        most: tokens of the largest picture, if those are more.
    """

    tokenizer: PreTrainedTokenizerBase
    options: Spelled
    image_id: int
    patches: int
    limit: int
    most: int = 0

    def encode(self, turns: Sequence[tuple[str, str | None]]) -> Encoded:
        """Question and answer pairs -> tokens, by the tokenizer's chat template; only answers are learned.

        Raises:
            ValueError: the conversation is longer than the model's positions, or rejects what the model cannot.
        """
        made: Any = self.tokenizer.apply_chat_template(
            self._messages(turns),
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            add_generation_prompt=turns[-1][1] is None,
        )
        ids = torch.tensor(made["input_ids"])
        learned = torch.tensor(made["assistant_masks"], dtype=torch.bool)
        place = int((ids == self.image_id).nonzero()[0, 0])
        total = len(ids) - 1 + max(self.patches, self.most)
        if total >= self.limit:
            what = "the question is" if len(turns) == 1 else "the question and the talk before it are"
            raise ValueError(
                f"{what} too long: with the picture {total} tokens, and the model reads {self.limit}; "
                "ask in fewer words"
            )
        labels = torch.where(learned, ids, -100)
        image = torch.full((self.patches,), self.image_id)
        return Encoded(
            ids=torch.cat([ids[:place], image, ids[place + 1 :]]),
            labels=torch.cat([labels[:place], torch.full((self.patches,), -100), labels[place + 1 :]]),
            prefix=place + self.patches,
        )

    def _messages(self, turns: Sequence[tuple[str, str | None]]) -> list[dict[str, Any]]:
        """As the template takes them: the picture before the first question, token spellings made plain text."""
        messages: list[dict[str, Any]] = []
        for number, (question, answer) in enumerate(turns):
            parts: list[dict[str, str]] = [{"type": "text", "text": plain(question, self.tokenizer)}]
            messages.append({"role": "user", "content": [{"type": "image"}, *parts] if number == 0 else parts})
            if answer is not None and self.options.rej is None and REJ in answer:
                raise ValueError(f"this model cannot say that a thing is absent, and an answer does: {answer[:80]!r}")
            if answer is not None:
                said = plain(answer, self.tokenizer, keep=(SEG, REJ))
                said = said.replace(SEG, self.options.seg or SEG).replace(REJ, self.options.rej or REJ)
                messages.append({"role": "assistant", "content": [{"type": "text", "text": said}]})
        return messages

    def text(self, ids: list[int]) -> str:
        """What these ids say, with the marks as ``<SEG>`` and ``<REJ>``."""
        text = str(self.tokenizer.decode(ids, skip_special_tokens=True)).replace(self.options.seg or SEG, SEG)
        return spaced((text.replace(self.options.rej, REJ) if self.options.rej else text).strip())
